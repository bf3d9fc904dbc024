"""The minimal ISO, looked at with other people's programs."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.layout import IsoError
from assisted_images.live.minimal import RAMDISK_AREA_BYTES, MinimalIso, build_minimal_iso
from assisted_images.values import Architecture
from httpd.representation.segments import BytesSegment, FileSegment, Representation
from tests.assisted_images.iso9660.test_volume import with_misnamed_parents
from tests.assisted_images.live import fixtures
from tests.assisted_images.live.images import (
    FileSource,
    Tree,
    filler,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.assisted_images.live.rendering import written
from tests.coreos_reader import CoreosIso
from tests.properties import given, settings

URL = "http://images.example:8080/boot-artifacts/rootfs?arch=x86_64&version=418.94"
ARGUMENTS = f'ignition.firstboot ignition.platform.id=metal coreos.live.rootfs_url="{URL}"'
NMSTATE = filler("nmstate", 12_345)


def minimal(path: Path, nmstate: bytes | None = NMSTATE) -> MinimalIso:
    archive = None if nmstate is None else Representation.from_bytes(nmstate)
    with path.open("rb") as file:
        return build_minimal_iso(file, FileSource(path), URL, archive)


class ContentTests(SynchronousTestCase):
    """What is in it, by a reader that shares no code with the builder."""

    def check(self, path: Path, nmstate: bytes | None = NMSTATE) -> CoreosIso:
        full = CoreosIso(path)
        built = minimal(path, nmstate)
        iso = CoreosIso(written(built.image, Path(self.mktemp())))
        gone = {"images/pxeboot/rootfs.img", "coreos/miniso.dat"}
        new = {"images/assisted_installer_custom.img"} | (
            {"images/nmstate.img"} if nmstate else set()
        )
        self.assertEqual(iso.paths, (full.paths - gone) | new)
        self.assertEqual(iso.volume_id, full.volume_id)
        edited = {"EFI/redhat/grub.cfg", "isolinux/isolinux.cfg", "boot/grub/grub.cfg"}
        other = {"coreos/kargs.json", "isolinux/boot.cat", "isolinux/isolinux.bin"}
        for name in iso.paths - new - edited - other:
            self.assertEqual(iso.read(name), full.read(name), name)
        self.assertEqual(
            iso.read("images/assisted_installer_custom.img"), bytes(RAMDISK_AREA_BYTES)
        )
        if nmstate:
            self.assertEqual(iso.read("images/nmstate.img"), nmstate)
        return iso

    def check_kernel_arguments(self, iso: CoreosIso, files: int) -> None:
        """What C{coreos-installer iso kargs show} looks at is true."""
        self.assertEqual(iso.default_kernel_arguments, ARGUMENTS)
        self.assertEqual(list(iso.kernel_arguments.values()), [ARGUMENTS] * files)
        for name, (offset, length) in iso.kernel_argument_areas.items():
            content, start = iso.read(name), iso.area(name)[0]
            before, after = content[: offset - start], content[offset - start + length :]
            self.assertRegex(before, rb"(vmlinuz|img) $")
            self.assertTrue(after.startswith(b"# COREOS_KARG_EMBED_AREA\n"), after[:30])
            self.assertLessEqual(length, 2048)
            # as much room for more arguments as the full image has
            self.assertEqual(length, len(ARGUMENTS) + 1 + 1024)

    def test_x86_64(self) -> None:
        iso = self.check(write_genisoimage(tree(), Path(self.mktemp())))
        self.check_kernel_arguments(iso, files=2)
        self.assertRegex(
            iso.read("isolinux/isolinux.cfg"),
            rb"append initrd=/images/pxeboot/initrd.img,/images/ignition.img,"
            rb"/images/assisted_installer_custom.img,/images/nmstate.img ignition",
        )

    def test_without_nmstate(self) -> None:
        iso = self.check(write_genisoimage(tree(), Path(self.mktemp())), nmstate=None)
        self.assertRegex(
            iso.read("EFI/redhat/grub.cfg"),
            rb"initrd /images/pxeboot/initrd.img /images/ignition.img "
            rb"/images/assisted_installer_custom.img\n",
        )

    def test_arm64(self) -> None:
        iso = self.check(write_genisoimage(tree(Architecture.ARM64), Path(self.mktemp())))
        self.check_kernel_arguments(iso, files=1)

    def test_ppc64le(self) -> None:
        """As grub2-mkrescue writes it: with a CHRP partition and an HFS+ tree besides."""
        options = ("-chrp-boot-part", "-hfsplus", "-apm-block-size", "2048")
        path = write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp()), *options)
        iso = self.check(path)
        self.check_kernel_arguments(iso, files=1)

    def test_ppc64le_by_xorriso_1_5_6(self) -> None:
        """Which pycdlib by itself refuses to open."""
        path = write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp()))
        path.write_bytes(with_misnamed_parents(path.read_bytes()))
        self.check(path)

    def test_marker(self) -> None:
        """2021: the area begins behind the line's own arguments, the URL among them."""
        path = write_genisoimage(tree(kargs="marker"), Path(self.mktemp()))
        iso, built = self.check(path), minimal(path)
        area = built.layout.kernel_argument_area
        assert area is not None
        self.assertEqual((area.current, area.size), ("", 1025))
        line = f"linux /images/pxeboot/vmlinuz {ARGUMENTS}\n####"
        self.assertIn(line.encode(), iso.read("EFI/redhat/grub.cfg"))

    def test_no_area(self) -> None:
        """4.6."""
        path = write_genisoimage(tree(kargs="none"), Path(self.mktemp()))
        self.assertIn(
            f"vmlinuz {ARGUMENTS}\n".encode(), self.check(path).read("EFI/redhat/grub.cfg")
        )
        self.assertIsNone(minimal(path).layout.kernel_argument_area)

    def test_unknown_keys_of_kargs_json_stay(self) -> None:
        files = tree()
        raw = files["coreos/kargs.json"]
        assert isinstance(raw, bytes)
        files["coreos/kargs.json"] = json.dumps(json.loads(raw) | {"new": [1]}).encode()
        iso = self.check(write_genisoimage(files, Path(self.mktemp())))
        self.assertEqual(json.loads(iso.read("coreos/kargs.json"))["new"], [1])


class CostTests(SynchronousTestCase):
    """It is a map into the full image, and the same one each time."""

    def test_nothing_large_is_copied(self) -> None:
        """Of an image of 5 GiB, more than 4 GiB of which are the rootfs."""
        files = tree(kernel=14 << 20, initrd=90 << 20, rootfs=5 << 30)
        path = write_sparse(files, Path(self.mktemp()))
        image = minimal(path).image
        new = sum(part.length for part in image if isinstance(part, BytesSegment))
        self.assertLess(new, 200_000)
        self.assertLess(len(image.segments), 60)
        self.assertLess(image.length, 110 << 20)
        large = {part.length for part in image if isinstance(part, FileSegment)}
        self.assertLessEqual({14 << 20, 90 << 20}, large)

    def test_deterministic(self) -> None:
        """Two replicas of the service have one ETag."""
        path = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True)
        self.assertEqual(minimal(path).image.digest, minimal(path).image.digest)
        self.assertNotEqual(minimal(path).image.digest, minimal(path, None).image.digest)

    def test_time_of_building_is_not_in_it(self) -> None:
        """What is added has its directory's time, in ISO 9660's field and in Rock Ridge's three."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        content = written(minimal(path).image, Path(self.mktemp())).read_bytes()
        for name in (b"ASSISTED.IMG;1", b"NMSTATE.IMG;1", "nmstate.img".encode("utf-16-be")):
            start = content.index(name, 18 * 2048) - 33
            record = content[start : start + content[start]]
            date = record[18:25]
            self.assertEqual(tuple(date[:3]), (123, 11, 14))
            self.assertEqual(record.count(date), 4 if name.endswith(b";1") else 1)

    def test_time_of_writing_is_not_in_it(self) -> None:
        """The volume descriptors have the image's own date of modification (ECMA-119, 8.4.27)."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        date = b"1999123123595999\0"
        with path.open("r+b") as file:
            file.seek(16 * 2048 + 830)
            file.write(date)
        content = written(minimal(path).image, Path(self.mktemp())).read_bytes()
        found = []
        start = 16 * 2048
        while content[start] != 255:
            if content[start] in {1, 2}:
                found.append(content[start + 830 : start + 847])
            start += 2048
        self.assertEqual(found, [date, date])

    def test_nmstate_of_another_file(self) -> None:
        """It is not read, only named."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        other = FileSource(Path("never-opened"))
        archive = Representation.of(FileSegment(other, 5, 100_000))
        with path.open("rb") as file:
            built = build_minimal_iso(file, FileSource(path), URL, archive)
        self.assertIn(FileSegment(other, 5, 100_000), built.image.segments)


class RefusedTests(SynchronousTestCase):
    """What cannot be made is a reason, for the image's state."""

    def check(self, files: Tree, reason: str, url: str = URL) -> None:
        path = write_sparse(files, Path(self.mktemp()))
        with path.open("rb") as file, self.assertRaisesRegex(IsoError, reason):
            build_minimal_iso(file, FileSource(path), url, None)

    def test_reasons(self) -> None:
        without = {path: content for path, content in tree().items() if "rootfs" not in path}
        self.check(without, "no /images/pxeboot/rootfs.img in the image")
        self.check(tree(), "contains '\\$'", "http://host/$x")
        self.check(tree(), "would have 3[0-9]{3} bytes; at most 2048", f"http://host/{'x' * 2000}")
        bare = {path: content for path, content in tree().items() if not path.endswith(".cfg")}
        bare.pop("coreos/kargs.json")
        self.check(bare, "no GRUB or isolinux configuration in the image")

    def test_s390x(self) -> None:
        self.check(tree(Architecture.S390X), "in /images/cdboot.img, which is no text")

    def test_no_rock_ridge(self) -> None:
        """Without Rock Ridge names there is nothing to add files under."""
        path = Path(self.mktemp())
        write_sparse(tree(), path)
        content = path.read_bytes().replace(b"RRIP_1991A", b"XXXX_XXXXX")
        with self.assertRaisesRegex(IsoError, "no Rock Ridge names"):
            build_minimal_iso(io.BytesIO(content), FileSource(path), URL, None)


class HostileTests(SynchronousTestCase):
    """Damaged directories and descriptors are refused, or do no harm."""

    def setUp(self) -> None:
        path = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True)
        self.content = path.read_bytes()

    @settings(max_examples=80)
    @given(st.data())
    def test_flipped_bytes(self, data: st.DataObject) -> None:
        content = bytearray(self.content)
        places = st.one_of(st.integers(0, 2047), st.integers(32768, 32768 + 60 * 2048))
        for place, value in data.draw(
            st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)
        ):
            content[place] = value
        try:
            built = build_minimal_iso(io.BytesIO(content), FileSource(Path("x")), URL, None)
        except IsoError as problem:
            self.assertNotEqual(str(problem), "")
            return
        for part in built.image:
            if isinstance(part, FileSegment):
                self.assertLessEqual(part.offset + part.length, len(content))


class FixtureTests(SynchronousTestCase):
    """Real images of the CoreOS project."""

    skip = fixtures.MISSING

    def test_x86_64(self) -> None:
        for name in ("2021-01", "2022-09", "2023-07.x86_64"):
            path = Path(self.mktemp())
            path.write_bytes(fixtures.fixture(name))
            built = minimal(path)
            iso = CoreosIso(written(built.image, Path(self.mktemp())))
            self.assertIn(URL.encode(), iso.read("isolinux/isolinux.cfg"))
            if name != "2021-01":
                self.assertEqual(set(iso.kernel_arguments.values()), {iso.default_kernel_arguments})
                self.assertNotIn("coreos.liveiso", iso.default_kernel_arguments)

    def test_2021_header(self) -> None:
        """The Ignition area in the system area follows; the one of kernel arguments goes."""
        path = Path(self.mktemp())
        path.write_bytes(fixtures.fixture("2021-01"))
        content = written(minimal(path).image, Path(self.mktemp())).read_bytes()
        magic, offset, length = struct.unpack_from("<8sQQ", content, 32744)
        area = minimal(path).layout.ignition_area
        assert area is not None
        self.assertEqual((magic, offset, length), (b"coreiso+", area.offset, area.length))
        self.assertNotIn(b"coreKarg", content[:32768])

    def test_s390x(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(fixtures.fixture("2023-07.s390x"))
        with self.assertRaises(IsoError):
            minimal(path)
