"""
The GUID partition table of a hybrid image (UEFI specification, 5.3): one copy in the system area,
one at the image's end.

isohybrid makes tables of 128 entries, xorriso of as many as fit into the system area: 208 or 248.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.partitions import SECTOR, Move, Partition
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES
from assisted_images.values import Extent

_SIGNATURE = b"EFI PART"
# Signature, revision; size and checksum of the header, reserved; sectors of this copy, of the
# other, first and last usable; disk; sector of the entries, their number, size and checksum.
_HEADER = struct.Struct("<8s4sIIIQQQQ16sQIII")
# Type, unique identifier, first and last sector; attributes and name follow.
_ENTRY = struct.Struct("<16s16sQQ")
_UNUSED = bytes(16)
_LEAST_ENTRY_BYTES = 128
_LEAST_ARRAY_BYTES = 16384
"""UEFI has so much set apart for the entries, be there ever so few."""


@dataclass(slots=True)
class GuidPartitionTable:
    """A partition table that is about to be changed."""

    revision: bytes
    backup: int
    """The sector of the other copy's header."""

    first_usable: int
    disk: bytes
    entries_at: int
    entry_size: int
    entries: bytearray

    @classmethod
    def parse(cls, area: bytes | bytearray) -> GuidPartitionTable | None:
        """
        The table in a system area; None when there is none.

        @raise IsoError: there is one, but no room in the system area for what it says.
        """
        fields = _HEADER.unpack_from(area, SECTOR)
        if fields[0] != _SIGNATURE:
            return None
        entries_at, count, size = fields[10:13]
        multiple, rest = divmod(size, _LEAST_ENTRY_BYTES)
        if rest or multiple.bit_count() != 1:
            raise IsoError(f"the GPT has entries of {size} bytes; expected 128, 256, 512 …")
        start, end = entries_at * SECTOR, entries_at * SECTOR + count * size
        if not 2 * SECTOR <= start < end <= SYSTEM_AREA_BYTES:
            raise IsoError(
                f"the GPT has {count} entries of {size} bytes from sector {entries_at} on; expected"
                f" them between its header and byte {SYSTEM_AREA_BYTES}, where the volume begins"
            )
        entries = bytearray(area[start:end])
        return cls(fields[1], fields[6], fields[7], fields[9], entries_at, size, entries)

    def partitions(self) -> list[Partition]:
        """Where each partition is."""
        return [partition for _, partition in self._used()]

    def move(self, move: Move) -> None:
        """Let the partitions follow what they hold; one whose content is gone goes with it."""
        for start, old in self._used():
            new = move.partition(old, to_end_of_file=False)
            if new is None:
                self.entries[start : start + self.entry_size] = bytes(self.entry_size)
            else:
                kind, name, *_ = _ENTRY.unpack_from(self.entries, start)
                _ENTRY.pack_into(self.entries, start, kind, name, new.first, new.end - 1)

    @property
    def backup_bytes(self) -> int:
        """What the second copy takes at the image's end: the entries, then the header."""
        return (self._array_sectors + 1) * SECTOR

    def write(self, area: bytearray, tail: bytearray, image_size: int) -> None:
        """
        Write both copies.

        @param area: the system area.
        @param tail: the end of the image, at least L{backup_bytes}.
        @param image_size: bytes, C{tail} included; whole sectors.
        """
        last = image_size // SECTOR - 1
        start = self.entries_at * SECTOR
        area[SECTOR : 2 * SECTOR] = self._header(1, last, self.entries_at, last)
        area[start : start + len(self.entries)] = self.entries
        start = len(tail) - self.backup_bytes
        tail[start : start + len(self.entries)] = self.entries
        tail[-SECTOR:] = self._header(last, 1, last - self._array_sectors, last)

    @property
    def _array_sectors(self) -> int:
        return -(-max(len(self.entries), _LEAST_ARRAY_BYTES) // SECTOR)

    def _used(self) -> Iterator[tuple[int, Partition]]:
        """Each partition, and where its entry begins."""
        for start in range(0, len(self.entries), self.entry_size):
            kind, _, first, last = _ENTRY.unpack_from(self.entries, start)
            if kind != _UNUSED:
                yield start, Partition(first, last + 1 - first)

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
                last - self._array_sectors - 1,
                self.disk,
                entries_at,
                len(self.entries) // self.entry_size,
                self.entry_size,
                zlib.crc32(self.entries),
            )

        return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def check_copies(read: Callable[[Extent], bytes]) -> GuidPartitionTable | None:
    """
    Check both copies of an image's table (UEFI specification, 5.3.2).

    @param read: reads from the image.
    @return: the table; C{None} where there is none.
    @raise IsoError: one copy is damaged, or they differ.
    """
    table = GuidPartitionTable.parse(read(Extent(0, SYSTEM_AREA_BYTES)))
    if table is not None:
        for here, other in ((1, table.backup), (table.backup, 1)):
            _check_copy(read, table, here, other)
    return table


def _check_copy(
    read: Callable[[Extent], bytes], table: GuidPartitionTable, here: int, other: int
) -> None:
    header = read(Extent(here * SECTOR, SECTOR))
    fields = _HEADER.unpack_from(header)
    if (fields[0], *fields[5:7]) != (_SIGNATURE, here, other):
        raise IsoError(f"the GPT has no header in sector {here}; expected one of its two there")
    size = min(fields[2], SECTOR)
    if zlib.crc32(header[:16] + bytes(4) + header[20:size]) != fields[3]:
        raise IsoError(f"the header of the GPT in sector {here} is damaged: its CRC is another")
    entries = read(Extent(fields[10] * SECTOR, len(table.entries)))
    if zlib.crc32(entries) != fields[13] or entries != table.entries:
        raise IsoError(
            f"the entries of the GPT from sector {fields[10]} on are damaged: their CRC is another"
        )


def is_backup_header(sector: bytes, here: int) -> bool:
    """Whether the sector numbered C{here} has a table's second header."""
    fields = _HEADER.unpack_from(sector)
    return fields[0] == _SIGNATURE and fields[5] == here and here != 1
