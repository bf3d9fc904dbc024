"""
The system area of a remastered ISO: the first 32 KiB, which make a hybrid image bootable as a disk.

C{isohybrid --uefi} and xorriso put there an MBR whose code knows where isolinux is, an MBR
partition and a GPT partition for the EFI file system, and at the image's end the backup GPT, which
xorriso counts as a part of the volume.  All of them are block numbers, so all have to follow when
files move.  CoreOS images of 2021 also keep the offsets of their embed areas there.  Facts are from
syslinux's C{utils/isohybrid.c}, the UEFI specification (5.3) and coreos-installer's
C{live/embed.rs}.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assisted_images.iso9660.gpt import GuidPartitionTable, is_backup_header
from assisted_images.iso9660.partitions import SECTOR, Move, Moved, Partition, Sizes
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.values import Extent
from httpd.representation.segments import BytesSegment, Representation, ZeroSegment

_MBR_SIGNATURE = slice(510, 512)
_MBR_BOOT_SECTOR = 432
_MBR_PARTITIONS = range(446, 510, 16)
_MOST_MBR_SECTORS = 0xFFFFFFFF
"""A partition that ends behind 2 TiB is given this size (UEFI specification, 5.2.3)."""

# "Generic" end of a partition in cylinders, heads and sectors: only the block numbers count.
_NO_GEOMETRY = b"\xfe\xff\xff"

_IGNITION_HEADER = 32744
_IGNITION_MAGIC = b"coreiso+"
_KERNEL_ARGUMENTS_HEADER = 32672
_KERNEL_ARGUMENTS_MAGIC = b"coreKarg"


@dataclass(frozen=True, slots=True)
class SystemArea:
    """What a remastered image has before and behind what it holds."""

    content: bytes
    """The 32 KiB at its start."""

    tail: Representation
    """What has to follow: padding and the backup GPT; empty for an image that is no hybrid."""


def remastered(original: bytes, before: Sizes, after: Sizes, moved: Moved) -> SystemArea:
    """
    The system area of an image whose files were moved.

    @param original: the full image's, 32 KiB.
    @param before: the full image's sizes.
    @param after: those of the new one, without what this function gives it as a tail.
    @raise IsoError: there is a GPT that cannot be changed.
    """
    area, tail = _repartitioned(original, before, after, moved)
    ignition = _ignition_header(area)
    if ignition is not None:
        place = moved(ignition)
        if place is None:
            area[_IGNITION_HEADER:] = bytes(SYSTEM_AREA_BYTES - _IGNITION_HEADER)
        else:
            _write_ignition_header(area, Extent(place, ignition.length))
    # It gives offsets in texts that were edited; without it coreos-installer knows of no areas.
    if area[_KERNEL_ARGUMENTS_HEADER:].startswith(_KERNEL_ARGUMENTS_MAGIC):
        length = _IGNITION_HEADER - _KERNEL_ARGUMENTS_HEADER
        area[_KERNEL_ARGUMENTS_HEADER:_IGNITION_HEADER] = bytes(length)
    return SystemArea(bytes(area), tail)


def with_larger_volume(
    original: bytes, before: Sizes, volume_size: int, ignition: Extent
) -> SystemArea:
    """
    The system area of an image whose volume became larger, for a new Ignition area at its end.

    @param original: the system area before, 32 KiB.
    @param before: the image's sizes before.
    @param volume_size: bytes of the new volume, behind which there is nothing.
    @raise IsoError: there is a GPT that cannot be changed.
    """
    after = Sizes(volume_size, volume_size)
    area, tail = _repartitioned(original, before, after, lambda extent: extent.offset)
    if _ignition_header(area) is not None:
        _write_ignition_header(area, ignition)
    return SystemArea(bytes(area), tail)


def partitions(area: bytes) -> list[Partition]:
    """
    What the partition tables in a system area name.

    @raise IsoError: there is a GPT that cannot be understood.
    """
    gpt = GuidPartitionTable.parse(area)
    mbr = [] if area[_MBR_SIGNATURE] != b"\x55\xaa" else [one for _, one in _mbr_partitions(area)]
    return mbr + (gpt.partitions() if gpt else [])


def backup_header(volume: Volume, area: bytes) -> Extent | None:
    """
    Where the second header of the GPT is, which has to go when the image gets another end.

    @raise IsoError: as L{partitions}.
    """
    gpt = GuidPartitionTable.parse(area)
    if gpt is None or (gpt.backup + 1) * SECTOR > volume.file_size:
        return None
    place = Extent(gpt.backup * SECTOR, SECTOR)
    return place if is_backup_header(volume.read_extent(place), gpt.backup) else None


def _repartitioned(
    original: bytes, before: Sizes, content: Sizes, moved: Moved
) -> tuple[bytearray, Representation]:
    """The system area with partition tables for the new sizes, and what follows the content."""
    area = bytearray(original)
    gpt = GuidPartitionTable.parse(area)
    least = content.file + (gpt.backup_bytes if gpt else 0)
    after = Sizes(content.volume, _new_file_size(area, before, least, has_gpt=gpt is not None))
    tail = bytearray(after.file - content.file)
    move = Move(before, after, moved)
    if area[_MBR_SIGNATURE] == b"\x55\xaa":
        _move_mbr(area, move)
    _drop_apple_partitions(area)
    if gpt is not None:
        gpt.move(move)
        gpt.write(area, tail, after.file)
    padding = len(tail) - len(tail.lstrip(b"\0"))
    return area, Representation.of(ZeroSegment(padding), BytesSegment(bytes(tail[padding:])))


def _new_file_size(area: bytearray, before: Sizes, least: int, *, has_gpt: bool) -> int:
    """C{least}, up to a whole cylinder where the full image had more than its volume."""
    if before.file == before.volume and not has_gpt:
        return least
    heads, sectors = _geometry(area) or (64, 32)
    cylinder = heads * sectors * SECTOR
    return -(-least // cylinder) * cylinder


def _geometry(area: bytearray) -> tuple[int, int] | None:
    """Heads and sectors of a cylinder, as isohybrid stored them with the bootable partition."""
    for start in _MBR_PARTITIONS:
        end = area[start + 5 : start + 8]
        if area[start] == 0x80 and end != _NO_GEOMETRY and end[1] & 0x3F:
            return end[0] + 1, end[1] & 0x3F
    return None


def _mbr_partitions(area: bytes | bytearray) -> Iterator[tuple[int, Partition]]:
    """Each partition, and where its entry begins."""
    for start in _MBR_PARTITIONS:
        first, count = struct.unpack_from("<II", area, start + 8)
        if count:
            yield start, Partition(first, count)


def _move_mbr(area: bytearray, move: Move) -> None:
    (boot_sector,) = struct.unpack_from("<I", area, _MBR_BOOT_SECTOR)
    place = move.moved(Partition(boot_sector, 1).extent) if boot_sector else None
    if place is not None:
        struct.pack_into("<I", area, _MBR_BOOT_SECTOR, place // SECTOR)
    for start, old in _mbr_partitions(area):
        new = move.partition(old, to_end_of_file=True)
        if new is None or new.first > _MOST_MBR_SECTORS:
            area[start : start + 16] = bytes(16)
            continue
        if new.is_volume:
            _set_last_cylinder(area, start, new.extent.end)
        struct.pack_into("<II", area, start + 8, new.first, min(new.count, _MOST_MBR_SECTORS))


def _set_last_cylinder(area: bytearray, start: int, end: int) -> None:
    """Ten bits, the upper two of them beside the sector's six."""
    geometry = _geometry(area)
    if geometry is None or area[start] != 0x80:
        return
    last = min(-(-end // (geometry[0] * geometry[1] * SECTOR)), 1024) - 1
    area[start + 6] = geometry[1] | (last & 0x300) >> 2
    area[start + 7] = last & 0xFF


def _drop_apple_partitions(area: bytearray) -> None:
    """
    The Apple partition map of grub2-mkrescue names an HFS+ volume, which does not follow changes.

    A boot loader that read files by it would not find the configuration.
    """
    for start in range(SECTOR, _KERNEL_ARGUMENTS_HEADER - SECTOR, SECTOR):
        if area[start : start + 4] == b"PM\0\0":
            area[start : start + SECTOR] = bytes(SECTOR)


def _ignition_header(area: bytes | bytearray) -> Extent | None:
    """Where images from before 2021-09 say that their Ignition area is."""
    magic, offset, length = struct.unpack_from("<8sQQ", area, _IGNITION_HEADER)
    return Extent(offset, length) if magic == _IGNITION_MAGIC else None


def _write_ignition_header(area: bytearray, ignition: Extent) -> None:
    header = (_IGNITION_MAGIC, ignition.offset, ignition.length)
    struct.pack_into("<8sQQ", area, _IGNITION_HEADER, *header)
