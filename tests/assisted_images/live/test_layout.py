"""What is found in images of every architecture and age, and what is refused."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.volume import Volume
from assisted_images.live.kargs import KernelArgumentArea
from assisted_images.live.layout import IsoError, Layout, read_layout
from assisted_images.values import Architecture, Extent
from tests.assisted_images.iso9660.test_volume import with_misnamed_parents
from tests.assisted_images.live import fixtures
from tests.assisted_images.live.images import (
    DEFAULT_ARGUMENTS,
    IGNITION_AREA_BYTES,
    VOLUME_ID,
    Tree,
    filler,
    in_initrd,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.coreos_reader import CoreosIso


def layout_of(path: Path) -> Layout:
    with path.open("rb") as file:
        return read_layout(file)


def required(area: KernelArgumentArea | None) -> KernelArgumentArea:
    assert area is not None
    return area


class ArchitectureTests(SynchronousTestCase):
    """Each architecture's image, against a reader that shares no code with this one."""

    def check(self, path: Path) -> Layout:
        layout, other = layout_of(path), CoreosIso(path)
        self.assertEqual((layout.volume_id, layout.size), (VOLUME_ID, other.size))
        area = layout.ignition_area
        assert area is not None
        self.assertEqual((area.offset, area.length), other.ignition_area)
        kernel_arguments = required(layout.kernel_argument_area)
        self.assertEqual(
            sorted((position, kernel_arguments.size) for position in kernel_arguments.positions),
            sorted(other.kernel_argument_areas.values()),
        )
        self.assertEqual(kernel_arguments.current, DEFAULT_ARGUMENTS)
        for name, extents in (
            ("vmlinuz", layout.kernel),
            ("initrd.img", layout.initrd),
            ("rootfs.img", layout.rootfs),
        ):
            (extent,) = extents or ()
            self.assertEqual((extent.offset, extent.length), other.area(f"images/pxeboot/{name}"))
        self.assertIsNone(layout.ramdisk_area)
        return layout

    def test_x86_64(self) -> None:
        layout = self.check(write_genisoimage(tree(), Path(self.mktemp())))
        self.assertEqual(len(required(layout.kernel_argument_area).positions), 2)

    def test_x86_64_hybrid(self) -> None:
        self.check(write_genisoimage(tree(), Path(self.mktemp()), hybrid=True))

    def test_arm64(self) -> None:
        self.check(write_genisoimage(tree(Architecture.ARM64), Path(self.mktemp())))

    def test_ppc64le(self) -> None:
        self.check(write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp())))

    def test_s390x(self) -> None:
        """Both areas lie inside cdboot.img; the boot loader pads with NUL."""
        path = write_xorriso(tree(Architecture.S390X), Path(self.mktemp()))
        layout = self.check(path)
        area = required(layout.kernel_argument_area)
        self.assertEqual((area.end, area.pad), ("\0", "\0"))
        self.assertEqual(layout.initrd_address, bytes.fromhex("0000000002000000"))
        (ins_file,) = layout.ins_file or ()
        self.assertEqual((ins_file.offset, ins_file.length), CoreosIso(path).area("generic.ins"))

    def test_xorriso_1_5_6(self) -> None:
        """Its misnamed parent directories do not matter."""
        path = write_xorriso(tree(Architecture.S390X), Path(self.mktemp()))
        content = path.read_bytes()
        self.assertEqual(read_layout(io.BytesIO(with_misnamed_parents(content))), layout_of(path))

    def test_kernel_img(self) -> None:
        """An s390x image before 4.19."""
        files = tree(Architecture.S390X)
        files["images/pxeboot/kernel.img"] = files.pop("images/pxeboot/vmlinuz")
        layout = layout_of(write_xorriso(files, Path(self.mktemp())))
        self.assertEqual((layout.kernel_name, len(layout.kernel or ())), ("kernel.img", 1))


class OldImageTests(SynchronousTestCase):
    """Images that lack some of the metadata."""

    def test_marker(self) -> None:
        """2021: the area is from the end of the kernel line up to the marker."""
        files = tree(kargs="marker")
        path = write_genisoimage(files, Path(self.mktemp()))
        area = required(layout_of(path).kernel_argument_area)
        self.assertEqual((area.current, area.size), ("", 1025))
        iso = CoreosIso(path)
        expected = []
        for name in ("EFI/redhat/grub.cfg", "isolinux/isolinux.cfg"):
            text = files[name]
            assert isinstance(text, bytes)
            end_of_line = text.index(DEFAULT_ARGUMENTS.encode()) + len(DEFAULT_ARGUMENTS)
            expected.append(iso.area(name)[0] + end_of_line)
        self.assertEqual(list(area.positions), expected)

    def test_no_marker(self) -> None:
        """4.6: nowhere to put kernel arguments; the Ignition area is the default one."""
        layout = layout_of(write_genisoimage(tree(kargs="none"), Path(self.mktemp())))
        self.assertIsNone(layout.kernel_argument_area)
        assert layout.ignition_area is not None
        self.assertEqual(layout.ignition_area.length, IGNITION_AREA_BYTES)

    def test_no_ignition_area(self) -> None:
        layout = layout_of(write_sparse({"images/other": b"x"}, Path(self.mktemp())))
        self.assertEqual(
            (layout.ignition_area, layout.kernel, layout.initrd, layout.rootfs), (None,) * 4
        )


class IgnitionAreaTests(SynchronousTestCase):
    """Where igninfo.json says."""

    def test_inside_the_initrd(self) -> None:
        files = in_initrd(tree(initrd=filler("initrd", 20_000)), 12_000, 6000)
        layout = layout_of(write_sparse(files, Path(self.mktemp())))
        (initrd,) = layout.initrd or ()
        self.assertEqual(layout.ignition_area, Extent(initrd.offset + 12_000, 6000))

    def test_without_length(self) -> None:
        """Up to the end of the file."""
        files = tree() | {
            "coreos/igninfo.json": b'{"file": "images/ignition.img", "offset": 1000, "new": true}'
        }
        area = layout_of(write_sparse(files, Path(self.mktemp()))).ignition_area
        assert area is not None
        self.assertEqual(area.length, IGNITION_AREA_BYTES - 1000)


class WrongMetadataTests(SynchronousTestCase):
    """Metadata that cannot be true is refused with a reason, never used."""

    def check(self, change: Tree, reason: str) -> None:
        path = write_sparse(tree() | change, Path(self.mktemp()))
        with self.assertRaisesRegex(IsoError, reason):
            layout_of(path)

    def igninfo(self, content: Any, reason: str) -> None:
        self.check({"coreos/igninfo.json": json.dumps(content).encode()}, reason)

    def kargs(self, reason: str, **changes: Any) -> None:
        raw = tree()["coreos/kargs.json"]
        assert isinstance(raw, bytes)
        self.check({"coreos/kargs.json": json.dumps(json.loads(raw) | changes).encode()}, reason)

    def test_igninfo(self) -> None:
        self.check({"coreos/igninfo.json": b"{"}, "/coreos/igninfo.json: Input data was truncated")
        self.check({"coreos/igninfo.json": b"\xff"}, "/coreos/igninfo.json: ")
        self.check({"coreos/igninfo.json": 1 << 20}, "has 1048576 bytes; at most 65536")
        self.igninfo([], "Expected `object`, got `array`")
        self.igninfo({}, "missing required field `file`")
        self.igninfo({"file": 1}, "Expected `str`, got `int`")
        self.igninfo({"file": "nowhere"}, "names /nowhere, which is not in the image")
        self.igninfo({"file": "../images/ignition.img"}, "which is not in the image")
        image = "images/ignition.img"
        inside = "are not inside /images/ignition.img, which has 262144 bytes"
        self.igninfo({"file": image, "offset": -1}, inside)
        self.igninfo({"file": image, "offset": 262144}, inside)
        self.igninfo({"file": image, "offset": 262143, "length": 2}, inside)
        self.igninfo({"file": image, "length": -5}, inside)
        self.igninfo({"file": image, "offset": 1 << 70}, "Integer value out of range|inside")

    def test_kargs(self) -> None:
        self.check({"coreos/kargs.json": b"null"}, "Expected `object`, got `null`")
        self.kargs("expected files, all with one `end`", files=[])
        self.kargs("Expected `int`, got `str`", size="1")
        self.kargs("size is -1; expected 1 to 65536", size=-1)
        self.kargs("size is 65537", size=65537)
        self.kargs("are not inside /EFI/redhat/grub.cfg", size=60_000)
        place = {"path": "EFI/redhat/grub.cfg", "offset": 90}
        self.kargs("names /x, which is not", files=[place | {"path": "x"}])
        self.kargs("are not inside", files=[place | {"offset": -1}])
        self.kargs("overlap at byte", files=[place, place])
        self.kargs("one ASCII character each", files=[place | {"pad": "ä"}])
        self.kargs("one ASCII character each", files=[place | {"end": ""}])
        self.kargs("all with one `end`", files=[place, place | {"end": "x"}])
        self.kargs(
            "hold different kernel arguments", files=[place, place | {"offset": 300}], size=9
        )

    def test_not_utf_8(self) -> None:
        raw = tree()["EFI/redhat/grub.cfg"]
        assert isinstance(raw, bytes)
        changed = raw.replace(b"ignition.firstboot", b"\xff" * 18)
        self.check({"EFI/redhat/grub.cfg": changed}, "are not UTF-8")

    def test_areas_overlap(self) -> None:
        """Ignition inside a boot configuration's area for kernel arguments."""
        self.igninfo(
            {"file": "EFI/redhat/grub.cfg", "offset": 500, "length": 20}, "overlap at byte"
        )

    def test_ignition_area_in_pieces(self) -> None:
        files: Tree = {"images/a.img": filler("a", 3000), "images/ignition.img": filler("i", 2500)}
        content = bytearray(write_sparse(files, Path(self.mktemp())).read_bytes())
        content[content.index(b"A.IMG;1", 18 * 2048) - 8] = 0x80
        self.assertEqual(len(Volume(io.BytesIO(content)).find("/images/ignition.img") or ()), 2)
        with self.assertRaisesRegex(
            IsoError, r"/images/ignition.img lies in 2 pieces; expected one"
        ):
            read_layout(io.BytesIO(content))

    def test_initrd_addrsize(self) -> None:
        self.check({"images/initrd.addrsize": b"short"}, "has 5 bytes; expected 16")


class FixtureTests(SynchronousTestCase):
    """Real images of the CoreOS project."""

    skip = fixtures.MISSING

    def layout(self, name: str) -> Layout:
        return read_layout(io.BytesIO(fixtures.fixture(name)))

    def test_2021_01(self) -> None:
        layout = self.layout("2021-01")
        self.assertEqual(layout.ignition_area, Extent(96256, 262144))
        area = required(layout.kernel_argument_area)
        self.assertEqual((area.positions, area.size, area.current), ((365522, 94133), 1024, ""))

    def test_2022_09(self) -> None:
        layout = self.layout("2022-09")
        self.assertEqual(layout.ignition_area, Extent(159744, 262144))
        area = required(layout.kernel_argument_area)
        self.assertEqual((area.positions, area.size), ((429002, 137038), 1139))

    def test_2023_07(self) -> None:
        area = required(self.layout("2023-07.x86_64").kernel_argument_area)
        self.assertEqual((area.positions, area.end, area.pad), ((408522, 137037), "\n", "#"))
        self.assertIn("coreos.liveiso=fedora-coreos-38", area.current)

    def test_2023_07_s390x(self) -> None:
        """Written by xorriso 1.5.6."""
        layout = self.layout("2023-07.s390x")
        cdboot = 35 * 2048
        self.assertEqual(layout.ignition_area, Extent(cdboot + 132096, 262144))
        area = required(layout.kernel_argument_area)
        self.assertEqual((area.positions, area.size), ((cdboot + 66688,), 896))
        self.assertEqual((area.end, area.pad, layout.kernel_name), ("\0", "\0", "vmlinuz"))
        self.assertEqual(struct.unpack(">Q", layout.initrd_address or b""), (0x2000000,))
