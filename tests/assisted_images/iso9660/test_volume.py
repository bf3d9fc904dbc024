"""The ISO 9660 reader against images of three different programs, and against hostile ones."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pycdlib
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.volume import (
    BLOCK,
    VOLUME_ID_BYTES,
    IsoError,
    Volume,
    volume_id_of,
)
from assisted_images.live.layout import read_layout
from assisted_images.values import Extent
from tests.assisted_images.live.images import (
    VOLUME_ID,
    Tree,
    filler,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)

LONG = "a-rather-long-name-" * 12  # 228 bytes: more than one record's System Use area holds

small: Tree = {
    "images/pxeboot/vmlinuz": filler("kernel", 5000),
    f"images/{LONG}": filler("long", 3000),
    "images/empty": b"",
    "images/pxeboot/café": b"coffee",
    "a/b/c/d/e/deep": b"down here",
}


class ReadingTests(SynchronousTestCase):
    """Every file is found under its exact name, with its exact bytes."""

    def check(self, path: Path, files: Tree) -> None:
        with path.open("rb") as file:
            volume = Volume(file)
            self.assertEqual(volume.volume_id, VOLUME_ID)
            self.assertLessEqual(volume.size, volume.file_size)
            for name, content in files.items():
                self.assertEqual(volume.read(f"/{name}", 1 << 20), content, name)
            for absent in ("/images/other", "/images", "/images/pxeboot/vmlinuz/x", "/", "/.."):
                self.assertIsNone(volume.find(absent), absent)

    def test_genisoimage(self) -> None:
        self.check(write_genisoimage(small | boot, Path(self.mktemp())), small)

    def test_xorriso(self) -> None:
        self.check(write_xorriso(small, Path(self.mktemp())), small)

    def test_pycdlib(self) -> None:
        files = {path: content for path, content in small.items() if LONG not in path}
        files.pop("images/pxeboot/café")
        self.check(write_sparse(files, Path(self.mktemp())), files)

    def test_without_rock_ridge(self) -> None:
        """Then names are shown as Linux shows them."""
        iso = pycdlib.PyCdlib()
        iso.new()
        iso.add_directory("/IMAGES")
        iso.add_fp(io.BytesIO(b"x"), 1, "/IMAGES/KERNEL.;1")
        target = io.BytesIO()
        iso.write_fp(target)
        self.assertEqual(Volume(target).read("/images/kernel", 10), b"x")

    def test_parent_under_the_name_of_self(self) -> None:
        """As xorriso 1.5.6 writes each directory's second record."""
        path = write_xorriso(small, Path(self.mktemp()))
        content = with_misnamed_parents(path.read_bytes())
        volume = Volume(io.BytesIO(content))
        self.assertEqual(volume.read("/images/pxeboot/vmlinuz", 9000), filler("kernel", 5000))
        with self.assertRaisesRegex(Exception, "duplicate"):
            pycdlib.PyCdlib().open_fp(io.BytesIO(content))

    def test_limit(self) -> None:
        volume = Volume(io.BytesIO(write_xorriso(small, Path(self.mktemp())).read_bytes()))
        with self.assertRaisesRegex(IsoError, "vmlinuz has 5000 bytes; at most 4999"):
            volume.read("/images/pxeboot/vmlinuz", 4999)


class LargeTests(SynchronousTestCase):
    """Beyond 4 GiB: files in several records, offsets that need 64 bits."""

    def test_multi_extent(self) -> None:
        """Adjacent parts are one extent; what lies behind is found past 4 GiB."""
        size = (9 << 30) + 12345
        files: Tree = {"images/a.img": size, "images/z.img": filler("behind", 7000)}
        with write_sparse(files, Path(self.mktemp())).open("rb") as file:
            volume = Volume(file)
            (extent,) = volume.find("/images/a.img") or ()
            self.assertEqual(extent.length, size)
            (behind,) = volume.find("/images/z.img") or ()
            self.assertGreater(behind.offset, 9 << 30)
            self.assertEqual(volume.read("/images/z.img", 9000), files["images/z.img"])
            self.assertEqual(volume.size, volume.file_size)

    def test_areas_past_4_gib(self) -> None:
        files = {"a/first.img": 5 << 30} | tree()
        with write_sparse(files, Path(self.mktemp())).open("rb") as file:
            layout = read_layout(file)
            for area in (layout.ignition_area, *(layout.kernel or ())):
                assert area is not None
                self.assertGreater(area.offset, 5 << 30)
            assert layout.kernel_argument_area is not None
            file.seek(layout.kernel_argument_area.positions[0])
            self.assertEqual(file.read(15), b"coreos.liveiso=")

    def test_parts_that_are_not_adjacent(self) -> None:
        """Each is an extent of its own, in the records' order."""
        files: Tree = {"a.img": filler("one", 3000), "b.img": filler("two", 2500)}
        content = bytearray(write_xorriso(files, Path(self.mktemp())).read_bytes())
        flags = content.index(b"A.IMG;1", 18 * BLOCK) - 8
        content[flags] = 0x80  # "this is not the final record of the file"
        volume = Volume(io.BytesIO(content))
        self.assertEqual(
            [extent.length for extent in volume.find("/b.img") or ()],
            [3000, 2500],
        )
        self.assertEqual(volume.read("/b.img", 9000), filler("one", 3000) + filler("two", 2500))


class RefusedTests(SynchronousTestCase):
    """What is no volume, or a damaged one, is an IsoError that says so."""

    def setUp(self) -> None:
        self.content = bytearray(write_xorriso(small, Path(self.mktemp())).read_bytes())

    def check(self, reason: str) -> None:
        with self.assertRaisesRegex(IsoError, reason):
            volume = Volume(io.BytesIO(self.content))
            volume.find("/images/pxeboot/vmlinuz")
            list(volume.directories())

    def test_no_image(self) -> None:
        self.content[:] = bytes(100 * BLOCK)
        self.check("not an ISO 9660 image: no volume descriptor in sector 16")

    def test_too_short(self) -> None:
        del self.content[17 * BLOCK :]
        self.check("34816 bytes end before its descriptors")

    def test_block_size(self) -> None:
        struct.pack_into("<H", self.content, 16 * BLOCK + 128, 512)
        self.check("logical blocks of 512 bytes; expected 2048")

    def test_no_primary_descriptor(self) -> None:
        self.content[16 * BLOCK] = 0
        self.check("no primary volume descriptor")

    def test_huge_directory(self) -> None:
        struct.pack_into("<I", self.content, 16 * BLOCK + 156 + 10, 1 << 31)
        self.check("a directory of 2147483648 bytes")

    def test_root_outside(self) -> None:
        struct.pack_into("<I", self.content, 16 * BLOCK + 156 + 2, 0xFFFFFFFF)
        self.check("inside what begins at 8796093020160")

    def test_cut_off_file(self) -> None:
        with self.assertRaisesRegex(IsoError, "vmlinuz reaches up to byte .*, but the file ends"):
            extents = Volume(io.BytesIO(self.content)).find("/images/pxeboot/vmlinuz") or ()
            del self.content[extents[0].offset + 4000 :]
            Volume(io.BytesIO(self.content)).find("/images/pxeboot/vmlinuz")

    def test_loop(self) -> None:
        """A directory that is its own child: looking up is bounded by the path, walking refuses."""
        root, images = self.root(), self.record(b"IMAGES")
        struct.pack_into("<I", self.content, images + 2, root.offset // BLOCK)
        struct.pack_into("<I", self.content, images + 10, root.length)
        self.check("the directories form a loop")
        volume = Volume(io.BytesIO(self.content))
        self.assertIsNone(volume.find("/images" * 1000 + "/pxeboot/vmlinuz"))

    def test_name_continued_for_ever(self) -> None:
        """A Rock Ridge continuation area that continues in itself."""
        place = self.content.index(b"CE\x1c\x01", self.content.index(LONG[:20].encode()) - 200)
        block = struct.unpack_from("<I", self.content, place + 4)[0]
        offset = struct.unpack_from("<I", self.content, place + 12)[0]
        entry = self.content[place : place + 28]
        self.content[block * BLOCK + offset : block * BLOCK + offset + 28] = entry
        self.check("more than 16 Rock Ridge continuation areas")

    def test_interleaved(self) -> None:
        self.content[self.record(b"IMAGES") + 26] = 1
        self.check("interleaved")

    def root(self) -> Extent:
        block, length = struct.unpack_from("<I4xI", self.content, 16 * BLOCK + 156 + 2)
        return Extent(block * BLOCK, length)

    def record(self, identifier: bytes) -> int:
        """Where the root directory's record of that name begins."""
        return self.content.index(identifier, self.root().offset) - 33


def with_misnamed_parents(content: bytes) -> bytes:
    """The image with each C{..} record under the identifier of C{.}."""
    changed = bytearray(content)
    for directory in Volume(io.BytesIO(content)).directories():
        second = directory.offset + changed[directory.offset]
        if changed[second + 32 : second + 34] != b"\x01\x01":
            raise AssertionError("the second record is not that of ..")
        changed[second + 33] = 0
    return bytes(changed)


boot: Tree = {"images/efiboot.img": b"efi"}


class ListingTests(SynchronousTestCase):
    """The reader and xorriso agree on where every file lies."""

    def test_against_xorriso(self) -> None:
        path = write_genisoimage(tree(), Path(self.mktemp()))
        command = [
            "xorriso",
            "-indev",
            str(path),
            "-find",
            "/",
            "-type",
            "f",
            "-exec",
            "report_lba",
        ]
        listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        seen = 0
        with path.open("rb") as file:
            volume = Volume(file)
            for line in listing.splitlines():
                if not line.startswith("File data lba:"):
                    continue
                _, block, _, size, quoted = line.split(":", 1)[1].split(",")
                expected = Extent(int(block) * BLOCK, int(size))
                self.assertEqual(volume.find(quoted.strip(" '")), (expected,))
                seen += 1
        self.assertGreaterEqual(seen, 10)


class BeginningTests(SynchronousTestCase):
    """The volume id is known before the rest of an image has come."""

    def test_first_bytes(self) -> None:
        path = write_genisoimage(tree(), Path(self.mktemp()))
        with path.open("rb") as file:
            self.assertEqual(volume_id_of(file.read(VOLUME_ID_BYTES)), Volume(file).volume_id)

    def test_no_image(self) -> None:
        for beginning in (b"", bytes(VOLUME_ID_BYTES), bytes(VOLUME_ID_BYTES - BLOCK) + b"\1CD001"):
            with self.assertRaises(IsoError) as caught:
                volume_id_of(beginning)
            self.assertIn("not an ISO 9660 image", str(caught.exception))
