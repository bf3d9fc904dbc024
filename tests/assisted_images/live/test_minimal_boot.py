"""What makes a minimal ISO boot: El Torito, boot info table, MBR and GPT, by other programs."""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.values import Architecture
from tests.assisted_images.live.images import ISOLINUX, tree, write_genisoimage, write_xorriso
from tests.assisted_images.live.rendering import written
from tests.assisted_images.live.test_minimal import minimal
from tests.coreos_reader import CoreosIso


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


class BootTests(SynchronousTestCase):
    """El Torito, boot info table, MBR and GPT are those of the full ISO, at other places."""

    def setUp(self) -> None:
        # The rootfs first, so that all others move when it goes.
        first = "images/pxeboot/rootfs.img"
        self.full = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True, first=first)
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
        for path in ("images/efiboot.img", "isolinux/isolinux.bin"):
            self.assertNotEqual(iso.area(path), CoreosIso(self.full).area(path))
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

    def test_boot_info_table_with_another_checksum(self) -> None:
        """isolinux does not look at it, and who patches isolinux may leave it: it counts as one."""
        with self.full.open("r+b") as file:
            file.seek(CoreosIso(self.full).area("isolinux/isolinux.bin")[0] + 20)
            file.write(b"\1\2\3\4")
        iso = CoreosIso(written(minimal(self.full).image, Path(self.mktemp())))
        descriptor, here = struct.unpack_from("<II", iso.read("isolinux/isolinux.bin"), 8)
        self.assertEqual((descriptor, here * 2048), (16, iso.area("isolinux/isolinux.bin")[0]))

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
