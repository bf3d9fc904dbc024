"""
Images that boot from a CD and from a disk, in the ways that C{xorriso -as mkisofs} makes them; and
a reader of their partition tables that shares no code with C{src}.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.assisted_images.live.images import ISOLINUX, VOLUME_ID, Tree, filler, lay_out, run

SECTOR = 512
BLOCK = 2048
APPENDED = filler("an EFI file system", 300 * BLOCK)
"""The partition that some of the images have behind their volume."""

_BIOS = (
    *("-c", "isolinux/boot.cat", "-b", "isolinux/isolinux.bin", "-no-emul-boot"),
    *("-boot-load-size", "4", "-boot-info-table"),
)
_MBR = ("-isohybrid-mbr", str(ISOLINUX.with_name("isohdpfx.bin")))
_EFI = ("-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot")
_APPEND = ("-append_partition", "2", "0xef", "APPENDED")
_EFI_APPENDED = (
    *("-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"),
)

IN_VOLUME = {
    "basdat": (*_BIOS, *_MBR, *_EFI, "-isohybrid-gpt-basdat"),
    "hfsplus": (*_BIOS, *_MBR, *_EFI, "-isohybrid-gpt-hfsplus", "-isohybrid-apm-hfsplus"),
    "EFI boot partition": (*_BIOS, "-efi-boot-part", "--efi-boot-image", *_EFI),
    "GRUB": (*_BIOS, "--grub2-boot-info", *_MBR, *_EFI, "-isohybrid-gpt-basdat"),
}
BEHIND_VOLUME = {
    "appended, GPT": (*_BIOS, *_MBR, *_APPEND, "-appended_part_as_gpt", *_EFI_APPENDED),
    "appended, MBR": (*_BIOS, *_MBR, *_APPEND, *_EFI_APPENDED),
    "appended, bare": (*_BIOS, *_APPEND, *_EFI_APPENDED),
    "appended, GRUB": (
        *(*_BIOS, "--grub2-boot-info", *_MBR, *_APPEND, "-appended_part_as_gpt", *_EFI_APPENDED),
    ),
}
TWO_VOLUMES = (*_BIOS, *_MBR, *_EFI, "-partition_offset", "16", "-isohybrid-gpt-basdat")
"""With directories of its own in the first partition, as Fedora's installer has."""


def write_mkisofs(
    files: Tree,
    target: Path,
    *options: str,
    before: tuple[str, ...] = (),
    appended: bytes = APPENDED,
) -> Path:
    """
    An image by C{xorriso -as mkisofs}.

    @param before: options of xorriso itself.
    @param appended: what is in the file that C{APPENDED} in C{options} stands for.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        partition, root = Path(directory, "appended"), Path(directory, "root")
        partition.write_bytes(appended)
        root.mkdir()
        lay_out(files, root)
        named = [str(partition) if option == "APPENDED" else option for option in options]
        command = ["xorriso", *before, "-as", "mkisofs", "-quiet", "-V", VOLUME_ID, *named]
        run(*command, "-o", str(target), str(root))
    return target


@dataclass(frozen=True)
class Disk:
    """An image as firmware sees it that takes it for a disk."""

    content: bytes

    @property
    def sectors(self) -> int:
        """How many there are."""
        return len(self.content) // SECTOR

    def mbr(self) -> list[tuple[int, int, int]]:
        """Type, first sector and number of sectors of each partition."""
        if self.content[510:512] != b"\x55\xaa":
            return []
        entries = [self.content[at : at + 16] for at in range(446, 510, 16)]
        found = [struct.unpack("<4xB3xII", entry) for entry in entries]
        return [(kind, first, count) for kind, first, count in found if count]

    def gpt(self) -> dict[int, tuple[int, int]] | None:
        """
        First and last sector of each partition, by number; None where there is no GPT.

        @raise AssertionError: one of the two copies is not valid, or they do not agree.
        """
        if self.content[SECTOR : SECTOR + 8] != b"EFI PART":
            check(b"EFI PART" not in self.content, "a header without a GPT")
            return None
        last = self.sectors - 1
        first_copy, second_copy = self._gpt_copy(1, last), self._gpt_copy(last, 1)
        check(first_copy == second_copy, "the copies differ")
        check(self.content.count(b"EFI PART") == 2, "more than two headers")
        usable, entries = first_copy
        found = dict(_used(entries))
        for _, end in found.values():
            check(end <= usable, f"a partition ends at {end}, behind {usable}")
        return found

    def _gpt_copy(self, here: int, other: int) -> tuple[int, bytes]:
        header = bytearray(self.content[here * SECTOR : here * SECTOR + 92])
        size, checksum = struct.unpack_from("<II", header, 12)
        header[16:20] = bytes(4)
        check((size, zlib.crc32(header)) == (92, checksum), f"the header in {here}")
        numbers = struct.unpack_from("<QQQQ", header, 24)
        check(numbers[:2] == (here, other), f"{here} says that it is {numbers[:2]}")
        at, number, size, checksum = struct.unpack_from("<QIII", header, 72)
        entries = self.content[at * SECTOR : at * SECTOR + number * size]
        check(zlib.crc32(entries) == checksum, f"the entries of {here}")
        # UEFI 2.10, 5.3.1: entries and header are outside of what can be used.
        end = at + -(-number * size // SECTOR)
        check(end <= numbers[2] if here == 1 else numbers[3] < at and end <= here, "usable")
        return numbers[3], entries


def _used(entries: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    for number, at in enumerate(range(0, len(entries), 128), start=1):
        if any(entries[at : at + 16]):
            yield number, struct.unpack_from("<QQ", entries, at + 32)


def check(holds: bool, what: str) -> None:
    """@raise AssertionError: it does not."""
    if not holds:
        raise AssertionError(what)


def sgdisk_problems(path: Path) -> set[str]:
    """What sgdisk says is wrong with the partition tables, without numbers."""
    done = subprocess.run(["sgdisk", "-v", str(path)], capture_output=True, check=False)
    text = done.stdout.decode().replace("\n\n", "\0").replace("\n", " ")
    bad = re.compile(r"^ ?(Problem|Error|Caution: The CRC|Caution: Found)|corrupt|damaged|self-p")
    return {re.sub(r"\d+", "N", one) for one in text.split("\0") if bad.search(one)}


def xorriso_report(path: Path) -> list[str]:
    """What xorriso finds to boot from."""
    command = ["xorriso", "-indev", str(path), "-report_el_torito", "plain"]
    done = subprocess.run(
        [*command, "-report_system_area", "plain"], capture_output=True, check=True
    )
    return done.stdout.decode(errors="replace").splitlines()


def boot_image_blocks(path: Path) -> list[int]:
    """The block of each image that El Torito names."""
    lines = [line.split() for line in xorriso_report(path)]
    return [int(words[-1]) for words in lines if words[:4] == ["El", "Torito", "boot", "img"]]
