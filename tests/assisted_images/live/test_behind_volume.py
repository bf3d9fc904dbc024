"""What lies behind the volume of an image, or is said to lie there."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660 import system_area
from assisted_images.iso9660.partitions import Sizes
from assisted_images.live.compose import AreaOverflow, IsoError, discovery_iso
from assisted_images.values import Extent
from tests.assisted_images.live.hybrids import (
    APPENDED,
    BEHIND_VOLUME,
    BLOCK,
    SECTOR,
    TWO_VOLUMES,
    Disk,
    boot_image_blocks,
    write_mkisofs,
)
from tests.assisted_images.live.images import filler, tree, write_genisoimage
from tests.assisted_images.live.rendering import written
from tests.assisted_images.live.test_hybrids import LARGE, enlarged
from tests.assisted_images.live.test_minimal import minimal
from tests.coreos_reader import CoreosIso


class BehindVolumeTests(SynchronousTestCase):
    """What lies behind the volume is somebody's."""

    def setUp(self) -> None:
        self.path = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True)

    def test_what_nothing_leads_to(self) -> None:
        """Bytes that somebody has appended, of any length, stay where they are."""
        with self.path.open("ab") as file:
            file.write(filler("signature", 777))
        before = self.path.read_bytes()
        after = written(enlarged(self.path), Path(self.mktemp()))
        size = CoreosIso(self.path).size
        self.assertEqual(after.read_bytes()[size : len(before)].count(b"signature "), 77)
        header = before.rindex(b"EFI PART")
        expected = before[size:header] + bytes(SECTOR) + before[header + SECTOR :]
        self.assertEqual(after.read_bytes()[size : len(before)], expected)
        self.assertEqual(CoreosIso(after).ignition_config, LARGE.ignition)
        self.assertIsNotNone(Disk(after.read_bytes()).gpt())

    def test_boot_image_in_no_partition(self) -> None:
        """El Torito alone leads to it."""
        path = write_mkisofs(tree(), self.path, "-R", *BEHIND_VOLUME["appended, bare"])
        content = bytearray(path.read_bytes())
        content[446:512] = bytes(66)
        path.write_bytes(content)
        small = minimal(path)
        for image in (
            enlarged(path),
            small.image,
            discovery_iso(small.image, small.layout, LARGE),
        ):
            made = written(image, Path(self.mktemp()))
            at = boot_image_blocks(made)[1] * BLOCK
            self.assertEqual(made.read_bytes()[at : at + len(APPENDED)], APPENDED)

    def test_partition_behind_the_end(self) -> None:
        """Room on the stick that is no part of the image: what is put there is not to be hit."""
        content = bytearray(self.path.read_bytes())
        content[446 + 32 : 446 + 48] = struct.pack("<4xB3xII", 0x83, len(content) // SECTOR, 999)
        self.path.write_bytes(content)
        with self.assertRaisesRegex(AreaOverflow, "an area of 262144, .* behind the image"):
            enlarged(self.path)
        made = written(minimal(self.path).image, Path(self.mktemp()))
        self.assertEqual([kind for kind, _, _ in Disk(made.read_bytes()).mbr()], [0, 0xEF])

    def test_boot_image_behind_the_end(self) -> None:
        """What is put there would be taken for it; so would it for a file."""
        content = bytearray(self.path.read_bytes())
        catalog = CoreosIso(self.path).area("isolinux/boot.cat")[0]
        file = content.index(b"ZIPL.PRM;1", 18 * BLOCK) - 33
        blocks = len(content) // BLOCK
        for field, block, sectors in (
            (catalog + 96 + 8, blocks, 4),
            (catalog + 96 + 8, blocks - 1, 5),
            (file + 2, blocks, 0),
        ):
            changed = bytearray(content)
            struct.pack_into("<I", changed, field, block)
            if sectors:
                struct.pack_into("<H", changed, field - 2, sectors)
            self.path.write_bytes(changed)
            with self.assertRaisesRegex(AreaOverflow, "reaches up to byte .* behind the image"):
                enlarged(self.path)

    def test_partition_in_the_padding(self) -> None:
        """It stays, with what is in it."""
        content = bytearray(self.path.read_bytes())
        sector = CoreosIso(self.path).size // SECTOR
        content[446 + 32 : 446 + 48] = struct.pack("<4xB3xII", 0x83, sector, 4)
        content[sector * SECTOR : (sector + 4) * SECTOR] = filler("mine", 4 * SECTOR)
        self.path.write_bytes(content)
        small = minimal(self.path)
        for image in (enlarged(self.path), small.image):
            disk = Disk(written(image, Path(self.mktemp())).read_bytes())
            _, first, count = disk.mbr()[2]
            found = disk.content[first * SECTOR : (first + count) * SECTOR]
            self.assertEqual(found, filler("mine", 4 * SECTOR))

    def test_boot_code_before_the_volume(self) -> None:
        """A partition there, as GRUB's, stays as it is."""
        content = bytearray(self.path.read_bytes())
        entry = struct.pack("<4xB3xII", 0x21, 40, 20)
        content[446 + 32 : 446 + 48] = entry
        self.path.write_bytes(content)
        for image in (enlarged(self.path), minimal(self.path).image):
            made = written(image, Path(self.mktemp())).read_bytes()
            self.assertEqual(made[446 + 32 : 446 + 48], entry)

    def test_two_volumes(self) -> None:
        """The partition's own directories would lead to the old area."""
        path = write_mkisofs(tree(), self.path, "-R", *TWO_VOLUMES)
        with self.assertRaisesRegex(AreaOverflow, "at byte 32768 has directories of its own"):
            enlarged(path)

    def test_udf(self) -> None:
        """It has file records of its own, too."""
        with_udf = [*("genisoimage", "-quiet", "-V", "rhcos-1", "-R", "-udf"), "-o", str(self.path)]
        directory = Path(self.mktemp())
        (directory / "images").mkdir(parents=True)
        (directory / "images/ignition.img").write_bytes(bytes(5000))
        subprocess.run([*with_udf, str(directory)], check=True)
        with self.assertRaisesRegex(AreaOverflow, "the image has an UDF file system"):
            enlarged(self.path)

    def test_hidden_boot_image(self) -> None:
        """No file tells how long it is, and what El Torito says is only what is loaded first."""
        content = bytearray(self.path.read_bytes())
        catalog = CoreosIso(self.path).area("isolinux/boot.cat")[0]
        (block,) = struct.unpack_from("<I", content, catalog + 32 + 8)
        struct.pack_into("<I", content, catalog + 32 + 8, block + 1)
        self.path.write_bytes(content)
        with self.assertRaisesRegex(IsoError, f"image in block {block + 1} is no file"):
            minimal(self.path)

    def test_large_disk(self) -> None:
        """A partition in the MBR has at most 2 TiB (UEFI 2.10, 5.2.3)."""
        area = self.path.read_bytes()[:32768]
        before = Sizes(CoreosIso(self.path).size, self.path.stat().st_size)
        size = 3 << 40
        ignition = Extent(size - BLOCK, BLOCK)
        new = system_area.with_larger_volume(area, before, size, ignition)
        self.assertEqual(struct.unpack_from("<II", new.content, 446 + 8), (0, 0xFFFFFFFF))
        self.assertEqual(struct.unpack_from("<Q", new.content, 1024 + 40), (size // SECTOR - 1,))
