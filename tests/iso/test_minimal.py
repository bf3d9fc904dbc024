"""The minimal ISO, looked at with other people's programs."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import zlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso.layout import IsoError
from assisted_images.iso.minimal import RAMDISK_AREA_BYTES, MinimalIso, build_minimal_iso
from assisted_images.segments import BytesSegment, FileSegment, Representation
from assisted_images.values import Architecture
from tests.coreos_reader import CoreosIso
from tests.iso import fixtures
from tests.iso.images import (
    ISOLINUX,
    FileSource,
    Tree,
    filler,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.iso.rendering import written
from tests.iso.test_volume import with_misnamed_parents

URL = "http://images.example:8080/boot-artifacts/rootfs?arch=x86_64&version=418.94"
ARGUMENTS = f'ignition.firstboot ignition.platform.id=metal coreos.live.rootfs_url="{URL}"'
NMSTATE = filler("nmstate", 12_345)


def minimal(path: Path, nmstate: bytes | None = NMSTATE) -> MinimalIso:
    archive = None if nmstate is None else Representation.from_bytes(nmstate)
    with path.open("rb") as file:
        return build_minimal_iso(file, FileSource(path), URL, archive)


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


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

    def test_nmstate_of_another_file(self) -> None:
        """It is not read, only named."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        other = FileSource(Path("never-opened"))
        archive = Representation.of(FileSegment(other, 5, 100_000))
        with path.open("rb") as file:
            built = build_minimal_iso(file, FileSource(path), URL, archive)
        self.assertIn(FileSegment(other, 5, 100_000), built.image.segments)


class BootTests(SynchronousTestCase):
    """El Torito, boot info table, MBR and GPT are those of the full ISO, at other places."""

    def setUp(self) -> None:
        self.full = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True)
        self.minimal = written(minimal(self.full).image, Path(self.mktemp()))

    def report(self, path: Path) -> str:
        return output(
            *("xorriso", "-indev", str(path)),
            *("-report_el_torito", "plain", "-report_system_area", "plain"),
        )

    def test_report(self) -> None:
        """Nothing but places and sizes differs."""
        full, result = self.report(self.full), self.report(self.minimal)
        numbers = re.compile(r"(?<= )\d{2,}\b")
        self.assertEqual(numbers.sub("N", result), numbers.sub("N", full))
        self.assertIn("boot-info-table isohybrid-suitable", result)
        self.assertIn("MBR isohybrid cyl-align-on GPT", result)
        self.assertIn("GPT partition path :   2  /images/efiboot.img", result)
        self.assertIn("MBR partition path :   2  /images/efiboot.img", result)

    def test_places(self) -> None:
        iso, content = CoreosIso(self.minimal), self.minimal.read_bytes()
        efi_at = iso.area("images/efiboot.img")[0]
        isolinux_at = iso.area("isolinux/isolinux.bin")[0]
        self.assertEqual(struct.unpack_from("<I", content, 432)[0] * 512, isolinux_at)
        first, count = struct.unpack_from("<II", content, 446 + 8)
        self.assertEqual((first, count * 512), (0, len(content)))
        first, count = struct.unpack_from("<II", content, 446 + 16 + 8)
        self.assertEqual(first * 512, efi_at)
        self.assertGreaterEqual(count * 512, iso.area("images/efiboot.img")[1])
        self.assertEqual(len(content) % (1 << 20), 0, "not whole cylinders")

    def test_boot_info_table(self) -> None:
        """Where isolinux is, and a checksum over itself."""
        iso = CoreosIso(self.minimal)
        content = iso.read("isolinux/isolinux.bin")
        descriptor, here, length, checksum = struct.unpack_from("<IIII", content, 8)
        self.assertEqual((descriptor, here * 2048), (16, iso.area("isolinux/isolinux.bin")[0]))
        self.assertEqual(length, len(content))
        numbers = struct.unpack_from(f"<{(len(content) - 64) // 4}I", content, 64)
        self.assertEqual(checksum, sum(numbers) & 0xFFFFFFFF)
        self.assertEqual(content[64:], ISOLINUX.read_bytes()[64:])

    def test_gpt_copies(self) -> None:
        """Both are valid, name each other and the same partitions."""
        content = self.minimal.read_bytes()
        last = len(content) // 512 - 1
        seen = []
        for here, other in ((1, last), (last, 1)):
            header = bytearray(content[here * 512 : here * 512 + 92])
            checksum = struct.unpack_from("<I", header, 16)[0]
            header[16:20] = bytes(4)
            self.assertEqual(zlib.crc32(header), checksum)
            self.assertEqual(struct.unpack_from("<QQ", header, 24), (here, other))
            entries_at, number, size, entries_sum = struct.unpack_from("<QIII", header, 72)
            entries = content[entries_at * 512 : entries_at * 512 + number * size]
            self.assertEqual(zlib.crc32(entries), entries_sum)
            seen.append(entries)
        self.assertEqual(*seen)
        self.assertEqual(struct.unpack_from("<Q", seen[0], 32), (0,))
        volume_blocks = CoreosIso(self.minimal).size // 512
        self.assertEqual(struct.unpack_from("<Q", seen[0], 40), (volume_blocks - 1,))

    def test_programs_list_it(self) -> None:
        """xorriso and isoinfo have nothing to complain of."""
        done = subprocess.run(
            ["xorriso", "-indev", str(self.minimal), "-find", "/", "-exec", "lsdl"],
            capture_output=True,
            check=True,
        )
        for line in done.stderr.decode().splitlines():
            self.assertNotRegex(line, "WARNING|FAILURE|SORRY|FATAL|MISHAP")
        self.assertIn("/images/assisted_installer_custom.img", done.stdout.decode())
        for tree_kind in ("-R", "-J"):
            listing = output("isoinfo", tree_kind, "-f", "-i", str(self.minimal))
            self.assertIn("/images/assisted_installer_custom.img\n", listing)
            self.assertNotIn("rootfs.img", listing)
        names = output("isoinfo", "-f", "-i", str(self.minimal)).splitlines()
        for name in names:
            self.assertRegex(name.rpartition("/")[2], r"^[A-Z0-9_]{1,8}(\.[A-Z0-9_]{0,3})?(;1)?$")
        self.assertEqual(len(names), len(set(names)))

    def test_no_partitions(self) -> None:
        """An image that is no disk gets no partition table."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        content = written(minimal(path).image, Path(self.mktemp())).read_bytes()
        self.assertEqual(content[:32768], bytes(32768))
        self.assertEqual(len(content), CoreosIso(self.minimal).size)

    def test_chrp(self) -> None:
        """ppc64le: one MBR partition over the whole image, no map of a file system that is gone."""
        options = ("-chrp-boot-part", "-hfsplus", "-apm-block-size", "2048")
        path = write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp()), *options)
        content = written(minimal(path).image, Path(self.mktemp())).read_bytes()
        self.assertEqual((content[450], content[510:512]), (0x96, b"\x55\xaa"))
        first, count = struct.unpack_from("<II", content, 446 + 8)
        self.assertEqual((first, count * 512), (0, len(content)))
        self.assertNotIn(b"Apple_HFS", content[:32768])


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

    @settings(max_examples=80, deadline=None)
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
