"""
The GUID partition table of a hybrid image (UEFI specification, 5.3): one copy in the system area,
one at the image's end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES

_SECTOR = 512
_SIGNATURE = b"EFI PART"
# Signature, revision; size and checksum of the header, reserved; sectors of this copy, of the
# other, first and last usable; disk; sector of the entries, their number, size and checksum.
_HEADER = struct.Struct("<8s4sIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQ80s")
_UNUSED = bytes(16)
_MOST_ENTRIES = 128
_BACKUP_SECTORS = 33

BACKUP_BYTES = _BACKUP_SECTORS * _SECTOR
"""What the second copy takes at the image's end: 128 entries and the header."""

Moved = Callable[[int], int | None]
"""Where the byte at an offset of the full image is in the new one; None when it is gone."""


def moved_sector(sector: int, moved: Moved) -> int | None:
    """Where a sector of 512 bytes is now."""
    place = moved(sector * _SECTOR)
    return None if place is None else place // _SECTOR


@dataclass(slots=True)
class GuidPartitionTable:
    """A partition table that is about to be changed."""

    revision: bytes
    first_usable: int
    disk: bytes
    entries_at: int
    entries: bytearray

    @classmethod
    def parse(cls, area: bytes | bytearray) -> GuidPartitionTable | None:
        """The table in a system area; None when there is none that makes sense."""
        fields = _HEADER.unpack_from(area, _SECTOR)
        entries_at, count, size = fields[10:13]
        start, end = entries_at * _SECTOR, entries_at * _SECTOR + count * _ENTRY.size
        if fields[0] != _SIGNATURE or size != _ENTRY.size or not 0 < count <= _MOST_ENTRIES:
            return None
        if start < 2 * _SECTOR or end > SYSTEM_AREA_BYTES:
            return None
        return cls(fields[1], fields[7], fields[9], entries_at, bytearray(area[start:end]))

    def first_sectors(self) -> list[int]:
        """Where each partition begins, in sectors."""
        entries = _ENTRY.iter_unpack(self.entries)
        return [first for kind, _, first, _, _ in entries if kind != _UNUSED]

    def move(self, volume_before: int, volume_after: int, moved: Moved) -> None:
        """
        Let the partitions follow what they hold: the whole volume (sizes in bytes), or a file.

        A partition whose content is gone goes with it.
        """
        for start in range(0, len(self.entries), _ENTRY.size):
            kind, name, first, last, rest = _ENTRY.unpack_from(self.entries, start)
            if kind == _UNUSED:
                continue
            place = moved_sector(first, moved)
            if first * _SECTOR < SYSTEM_AREA_BYTES and (last + 1) * _SECTOR >= volume_before:
                last = volume_after // _SECTOR - 1
            elif place is not None:
                first, last = place, place + last - first
            else:
                self.entries[start : start + _ENTRY.size] = bytes(_ENTRY.size)
                continue
            _ENTRY.pack_into(self.entries, start, kind, name, first, last, rest)

    def write(self, area: bytearray, tail: bytearray, image_size: int) -> None:
        """
        Write both copies.

        @param area: the system area.
        @param tail: the end of the image, at least L{BACKUP_BYTES}.
        @param image_size: bytes, C{tail} included; whole sectors.
        """
        last = image_size // _SECTOR - 1
        start = self.entries_at * _SECTOR
        area[_SECTOR : 2 * _SECTOR] = self._header(1, last, self.entries_at, last)
        area[start : start + len(self.entries)] = self.entries
        start = len(tail) - BACKUP_BYTES
        tail[start : start + len(self.entries)] = self.entries
        tail[-_SECTOR:] = self._header(last, 1, last - _BACKUP_SECTORS + 1, last)

    def _header(self, here: int, other: int, entries_at: int, last: int) -> bytes:
        """A sector with the header; its checksum is over itself with a checksum of zero."""

        def packed(checksum: int) -> bytes:
            return _HEADER.pack(
                _SIGNATURE,
                self.revision,
                _HEADER.size,
                checksum,
                0,
                here,
                other,
                self.first_usable,
                last - _BACKUP_SECTORS,
                self.disk,
                entries_at,
                len(self.entries) // _ENTRY.size,
                _ENTRY.size,
                zlib.crc32(self.entries),
            )

        return packed(zlib.crc32(packed(0))).ljust(_SECTOR, b"\0")
