"""
The system area of a remastered ISO: the first 32 KiB, which make a hybrid image bootable as a disk.

C{isohybrid --uefi} and xorriso put there an MBR whose code knows where isolinux is, an MBR
partition and a GPT partition for the EFI file system, and at the image's end the backup GPT.  All
of them are block numbers, so all have to follow when files move.  CoreOS images of 2021 also keep
the offsets of their embed areas there.  Facts are from syslinux's C{utils/isohybrid.c}, the UEFI
specification (5.3) and coreos-installer's C{live/embed.rs}.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from assisted_images.iso9660.gpt import BACKUP_BYTES, GuidPartitionTable, Moved, moved_sector
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES
from assisted_images.values import Extent
from httpd.representation.segments import BytesSegment, Representation, ZeroSegment

_SECTOR = 512
_MBR_SIGNATURE = slice(510, 512)
_MBR_BOOT_SECTOR = 432
_MBR_PARTITIONS = range(446, 510, 16)

# "Generic" end of a partition in cylinders, heads and sectors: only the block numbers count.
_NO_GEOMETRY = b"\xfe\xff\xff"

_IGNITION_HEADER = 32744
_IGNITION_MAGIC = b"coreiso+"
_KERNEL_ARGUMENTS_HEADER = 32672


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of an image, in bytes."""

    volume: int
    """What the primary volume descriptor says."""

    file: int
    """With what is behind the volume: padding to whole cylinders, the backup GPT."""


@dataclass(frozen=True, slots=True)
class SystemArea:
    """What a remastered image has before and behind its volume."""

    content: bytes
    """The 32 KiB at its start."""

    tail: Representation
    """What follows the volume; empty for an image that is no hybrid."""


def remastered(original: bytes, before: Sizes, volume_size: int, moved: Moved) -> SystemArea:
    """
    The system area of an image whose files were moved.

    @param original: the full image's, 32 KiB.
    @param before: the full image's sizes.
    @param volume_size: bytes of the new volume.
    """
    area, tail = _repartitioned(original, before, volume_size, moved)
    ignition = _ignition_header(area)
    place = None if ignition is None else moved(ignition.offset)
    if ignition is None or place is None:
        area[_IGNITION_HEADER:] = bytes(SYSTEM_AREA_BYTES - _IGNITION_HEADER)
    else:
        _write_ignition_header(area, Extent(place, ignition.length))
    # It gives offsets in texts that were edited; without it coreos-installer knows of no areas.
    area[_KERNEL_ARGUMENTS_HEADER:_IGNITION_HEADER] = bytes(
        _IGNITION_HEADER - _KERNEL_ARGUMENTS_HEADER
    )
    return SystemArea(bytes(area), tail)


def with_larger_volume(
    original: bytes, before: Sizes, volume_size: int, ignition: Extent
) -> SystemArea:
    """
    The system area of an image whose volume became larger, for a new Ignition area at its end.

    @param original: the system area before, 32 KiB.
    @param before: the image's sizes before.
    @param volume_size: bytes of the new volume.
    """
    area, tail = _repartitioned(original, before, volume_size, lambda offset: offset)
    if _ignition_header(area) is not None:
        _write_ignition_header(area, ignition)
    return SystemArea(bytes(area), tail)


def is_all_in_volume(original: bytes, before: Sizes) -> bool:
    """Whether nothing but padding and the backup GPT is behind the volume: no partition is."""
    starts = [struct.unpack_from("<II", original, start + 8) for start in _MBR_PARTITIONS]
    if original[_MBR_SIGNATURE] != b"\x55\xaa":
        return True
    gpt = GuidPartitionTable.parse(original)
    sectors = [first for first, count in starts if count] + (gpt.first_sectors() if gpt else [])
    return all(sector * _SECTOR < before.volume for sector in sectors)


def _repartitioned(
    original: bytes, before: Sizes, volume_size: int, moved: Moved
) -> tuple[bytearray, Representation]:
    """The system area with partition tables for the new size, and what follows the volume."""
    area = bytearray(original)
    partitioned = area[_MBR_SIGNATURE] == b"\x55\xaa"
    gpt = GuidPartitionTable.parse(area) if partitioned else None
    after = Sizes(volume_size, _new_file_size(area, before, volume_size, has_gpt=gpt is not None))
    tail = bytearray(after.file - after.volume)
    if partitioned:
        _move_mbr(area, before, after, moved)
    if gpt is not None:
        gpt.move(before.volume, after.volume, moved)
        gpt.write(area, tail, after.file)
    _drop_apple_partitions(area)
    padding = len(tail) - len(tail.lstrip(b"\0"))
    return area, Representation.of(ZeroSegment(padding), BytesSegment(bytes(tail[padding:])))


def _new_file_size(area: bytearray, before: Sizes, volume_size: int, *, has_gpt: bool) -> int:
    """Whole cylinders where the full image had them, with room for the backup GPT."""
    if before.file == before.volume and not has_gpt:
        return volume_size
    heads, sectors = _geometry(area) or (64, 32)
    cylinder = heads * sectors * _SECTOR
    least = volume_size + (BACKUP_BYTES if has_gpt else 0)
    return -(-least // cylinder) * cylinder


def _geometry(area: bytearray) -> tuple[int, int] | None:
    """Heads and sectors of a cylinder, as isohybrid stored them with the bootable partition."""
    for start in _MBR_PARTITIONS:
        end = area[start + 5 : start + 8]
        if area[start] == 0x80 and end != _NO_GEOMETRY and end[1] & 0x3F:
            return end[0] + 1, end[1] & 0x3F
    return None


def _move_mbr(area: bytearray, before: Sizes, after: Sizes, moved: Moved) -> None:
    (boot_sector,) = struct.unpack_from("<I", area, _MBR_BOOT_SECTOR)
    place = moved_sector(boot_sector, moved) if boot_sector else None
    if place is not None:
        struct.pack_into("<I", area, _MBR_BOOT_SECTOR, place)
    for start in _MBR_PARTITIONS:
        first, count = struct.unpack_from("<II", area, start + 8)
        if not count:
            continue
        if first * _SECTOR < SYSTEM_AREA_BYTES:
            end = after.file if (first + count) * _SECTOR >= before.file else after.volume
            count = end // _SECTOR - first
            _set_last_cylinder(area, start, end)
        elif (place := moved_sector(first, moved)) is not None:
            first = place
        else:
            area[start : start + 16] = bytes(16)
            continue
        struct.pack_into("<II", area, start + 8, first, count)


def _set_last_cylinder(area: bytearray, start: int, end: int) -> None:
    """Ten bits, the upper two of them beside the sector's six."""
    geometry = _geometry(area)
    if geometry is None or area[start] != 0x80:
        return
    last = min(-(-end // (geometry[0] * geometry[1] * _SECTOR)), 1024) - 1
    area[start + 6] = geometry[1] | (last & 0x300) >> 2
    area[start + 7] = last & 0xFF


def _drop_apple_partitions(area: bytearray) -> None:
    """
    The Apple partition map of grub2-mkrescue names an HFS+ volume, which does not follow changes.

    A boot loader that read files by it would not find the configuration.
    """
    for start in range(_SECTOR, _KERNEL_ARGUMENTS_HEADER - _SECTOR, _SECTOR):
        if area[start : start + 4] == b"PM\0\0":
            area[start : start + _SECTOR] = bytes(_SECTOR)


def _ignition_header(area: bytes | bytearray) -> Extent | None:
    """Where images from before 2021-09 say that their Ignition area is."""
    magic, offset, length = struct.unpack_from("<8sQQ", area, _IGNITION_HEADER)
    return Extent(offset, length) if magic == _IGNITION_MAGIC else None


def _write_ignition_header(area: bytearray, ignition: Extent) -> None:
    header = (_IGNITION_MAGIC, ignition.offset, ignition.length)
    struct.pack_into("<8sQQ", area, _IGNITION_HEADER, *header)
