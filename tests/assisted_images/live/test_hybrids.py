"""What is in front of and behind the volume of images that xorriso makes, as others read it."""

from __future__ import annotations

import random
import re
import struct
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.compose import AreaOverflow, IsoError, discovery_iso
from assisted_images.live.layout import read_layout
from assisted_images.values import Configuration
from httpd.representation.segments import Representation
from tests.assisted_images.live.hybrids import (
    APPENDED,
    BEHIND_VOLUME,
    BLOCK,
    IN_VOLUME,
    SECTOR,
    Disk,
    boot_image_blocks,
    sgdisk_problems,
    write_mkisofs,
    xorriso_report,
)
from tests.assisted_images.live.images import (
    ISOLINUX,
    FileSource,
    filler,
    tree,
    write_genisoimage,
)
from tests.assisted_images.live.rendering import whole, written
from tests.assisted_images.live.test_minimal import minimal
from tests.coreos_reader import CoreosIso

LARGE = Configuration(random.Random(4).randbytes(600 << 10))
EFIBOOT = filler("efiboot", 12_000)
GRUB_AT = 2548


def enlarged(path: Path) -> Representation:
    with path.open("rb") as file:
        return discovery_iso(whole(FileSource(path)), read_layout(file), LARGE)


class LayoutTests(SynchronousTestCase):
    """Every layout stays what it was, in all that is made of it."""

    def made_of(self, full: Path) -> dict[str, Path]:
        """The full image with a large config, the minimal one, and that with a large config."""
        small = minimal(full)
        made = {
            "enlarged": enlarged(full),
            "minimal": small.image,
            "minimal, enlarged": discovery_iso(small.image, small.layout, LARGE),
        }
        return {name: written(image, Path(self.mktemp())) for name, image in made.items()}

    def check(self, options: tuple[str, ...], efi: bytes) -> Path:
        full = write_mkisofs(tree(), Path(self.mktemp()), "-R", "-J", *options)
        for name, path in self.made_of(full).items():
            with self.subTest(name):
                self.check_boot_images(full, path, efi)
                self.check_partitions(full, path, efi)
                if "enlarged" in name:
                    self.assertEqual(CoreosIso(path).ignition_config, LARGE.ignition)
        return full

    def check_boot_images(self, full: Path, path: Path, efi: bytes) -> None:
        """El Torito leads to the same images, and they know where they are."""
        kept = ("El Torito boot img", "El Torito img")

        def images(of: Path) -> list[str]:
            lines = [line for line in xorriso_report(of) if line.startswith(kept)]
            return [re.sub(r" +\d+$", "", line) if "boot img" in line else line for line in lines]

        self.assertEqual(images(path), images(full))
        content = path.read_bytes()
        bios, uefi = (block * BLOCK for block in boot_image_blocks(path))
        self.assertTrue(content[uefi:].startswith(efi), "the EFI image is another")
        isolinux = content[bios : bios + ISOLINUX.stat().st_size]
        self.assert_knows_its_place(isolinux, bios // BLOCK, grub=self.is_grub(full))

    def is_grub(self, full: Path) -> bool:
        return any("grub2-boot-info" in line for line in xorriso_report(full))

    def assert_knows_its_place(self, image: bytes, block: int, *, grub: bool) -> None:
        """The boot info table (mkisofs), and where GRUB looks for the rest of itself."""
        descriptor, here, length, checksum = struct.unpack_from("<IIII", image, 8)
        self.assertEqual((descriptor, here, length), (16, block, len(image)))
        words = struct.unpack_from(f"<{(len(image) - 64) // 4}I", image, 64)
        self.assertEqual(checksum, sum(words) & 0xFFFFFFFF)
        if grub:
            self.assertEqual(struct.unpack_from("<Q", image, GRUB_AT), (block * 4 + 5,))
        original = bytearray(ISOLINUX.read_bytes())
        original[:64] = image[:64]
        if grub:
            original[GRUB_AT : GRUB_AT + 8] = image[GRUB_AT : GRUB_AT + 8]
        self.assertEqual(image, original)

    def check_partitions(self, full: Path, path: Path, efi: bytes) -> None:
        """Both tables are valid and lead to what they led to, inside the image."""
        before, after = Disk(full.read_bytes()), Disk(path.read_bytes())
        for kind, first, count in after.mbr():
            self.assertLessEqual(first + count, after.sectors, f"a partition of type {kind:x}")
        self.assert_leads_to(after, [first for kind, first, _ in after.mbr() if kind == 0xEF], efi)
        self.assertEqual(*(self.kinds(disk) for disk in (before, after)))
        old, new = before.gpt(), after.gpt()
        if old is None or new is None:
            self.assertEqual((old, new), (None, None))
            return
        volume = CoreosIso(path).size // SECTOR
        for number, (first, last) in new.items():
            was_first, was_last = old[number]
            if was_first == 0:
                self.assertEqual((first, last), (0, volume - 1), "the volume's partition")
            else:
                self.assertEqual(last - first, was_last - was_first, f"partition {number}")
        self.assert_leads_to(after, [new[2][0]], efi)
        self.assertLessEqual(sgdisk_problems(path), sgdisk_problems(full))
        self.assertFalse([line for line in xorriso_report(path) if "problems" in line])

    def kinds(self, disk: Disk) -> list[int]:
        return [kind for kind, _, _ in disk.mbr()]

    def assert_leads_to(self, disk: Disk, sectors: list[int], content: bytes) -> None:
        # A partition may end in whole blocks before the file does.
        length = len(content) // BLOCK * BLOCK
        for first in sectors:
            found = disk.content[first * SECTOR : first * SECTOR + length]
            self.assertEqual(found, content[:length])

    def test_layouts_in_the_volume(self) -> None:
        for name, options in IN_VOLUME.items():
            with self.subTest(name):
                self.check(options, EFIBOOT)

    def test_layouts_behind_the_volume(self) -> None:
        """Nothing is put over what is there, and all of it goes with the image."""
        for name, options in BEHIND_VOLUME.items():
            with self.subTest(name):
                full = self.check(options, APPENDED)
                before, size = full.read_bytes(), CoreosIso(full).size
                after = written(enlarged(full), Path(self.mktemp())).read_bytes()
                behind = after[size : len(before)]
                gone = range(len(before) - size - SECTOR, len(before) - size)
                different = [at for at, one in enumerate(behind) if one != before[size + at]]
                self.assertLessEqual(set(different), set(gone) if Disk(before).gpt() else set())

    def test_counts_of_entries(self) -> None:
        """All that UEFI allows, up to what there is room for: the last one is a partition, too."""
        for count in (1, 4, 127, 128, 208, 248):
            with self.subTest(count=count):
                self.check_gpt(count, 128)
        self.check_gpt(60, 256)

    def check_gpt(self, count: int, size: int) -> None:
        path = write_genisoimage(tree(), Path(self.mktemp()))
        efi = CoreosIso(path).area("images/efiboot.img")[0] // SECTOR
        path.write_bytes(with_gpt(path.read_bytes(), efi, count, size))
        for made in self.made_of(path).values():
            content = made.read_bytes()
            number, entry_size = struct.unpack_from("<II", content, SECTOR + 80)
            self.assertEqual((number, entry_size), (count, size))
            at = 2 * SECTOR + (count - 1) * size + 32
            (first,) = struct.unpack_from("<Q", content, at)
            self.assertEqual(content[first * SECTOR :][: len(EFIBOOT)], EFIBOOT)
            if size == 128:
                self.assertEqual(len(Disk(content).gpt() or {}), 1)

    def test_gpt_that_is_none(self) -> None:
        """No entries of which there is nothing known; the image is served with what fits."""
        for count, size in ((0, 128), (249, 128), (1 << 31, 128), (128, 0), (42, 384), (128, 127)):
            path = write_genisoimage(tree(), Path(self.mktemp()))
            content = bytearray(with_gpt(path.read_bytes(), 100, 1, 128))
            struct.pack_into("<II", content, SECTOR + 80, count, size)
            path.write_bytes(content)
            with self.assertRaisesRegex(AreaOverflow, "no larger one: the GPT has"):
                enlarged(path)
            with self.assertRaisesRegex(IsoError, "the GPT has"):
                minimal(path)


def with_gpt(content: bytes, first: int, count: int, size: int) -> bytes:
    """The image with a GPT of C{count} entries, the last of which is 24 sectors from C{first}."""
    changed = bytearray(content)
    at = 2 * SECTOR + (count - 1) * size
    kind = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
    changed[at : at + 48] = struct.pack("<16s16sQQ", kind, bytes(range(16)), first, first + 23)
    # Its checksums do not matter: others read what is made of it.
    header = struct.pack(
        "<8sIIIIQQQQ16sQIII",
        *(b"EFI PART", 0x10000, 92, 0, 0, 1, len(content) // SECTOR - 1, 64, 999, bytes(16)),
        *(2, count, size, 0),
    )
    changed[SECTOR : SECTOR + len(header)] = header
    return bytes(changed)
