"""
The records of an ISO 9660 directory (ECMA-119, 9.1): which file is where, and where it is written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError
from assisted_images.values import Extent

BLOCK = 2048
"""Bytes in a logical sector, and in a logical block of every image that is accepted here."""

_IS_DIRECTORY, _CONTINUES = 0x02, 0x80
_SELF, _PARENT = b"\x00", b"\x01"

_PLACE = 2
"""Where in a record the extent and the data length begin, each first little-endian, then big."""

NameOf = Callable[[bytes], str]
"""Gives the name in a directory record."""


@dataclass(frozen=True, slots=True)
class Record:
    """One file or directory: all its directory records taken together."""

    name: str
    is_directory: bool
    extents: tuple[Extent, ...]
    positions: tuple[int, ...]
    """Where its records are, in bytes from the start of the image; one for each of its parts."""


def records(directory: Extent, content: bytes, name_of: NameOf) -> Iterator[Record]:
    """
    What is in a directory, but for itself and its parent.

    The records of files in several extents are joined (ECMA-119, 6.5.1).

    @param content: the bytes at C{directory}.
    @raise IsoError: a record is damaged, or of a kind that is not supported.
    """
    extents: list[Extent] = []
    positions: list[int] = []
    for position, record in _raw_records(directory, content):
        if identifier(record) in (_SELF, _PARENT):
            continue
        if record[26] or record[27]:
            raise IsoError("interleaved files are not supported")
        _append(extents, extent_of(record))
        positions.append(position)
        if not record[25] & _CONTINUES:
            is_directory = bool(record[25] & _IS_DIRECTORY)
            yield Record(name_of(record), is_directory, tuple(extents), tuple(positions))
            extents, positions = [], []


def identifier(record: bytes) -> bytes:
    """A record's file identifier."""
    return record[33 : 33 + record[32]]


def system_use(record: bytes) -> bytes:
    """A record's System Use area: behind the identifier, at an even offset."""
    return record[33 + record[32] + (record[32] + 1) % 2 :]


def extent_of(record: bytes) -> Extent:
    """Where a record's data lies, behind its extended attributes where it has any."""
    block, length = struct.unpack_from("<I4xI", record, _PLACE)
    return Extent((block + record[1]) * BLOCK, length)


def place_fields(position: int, extent: Extent) -> tuple[int, bytes]:
    """
    What a record at C{position} has to hold for its file to be at C{extent}: where in the image,
    and which bytes.  For records without extended attributes.
    """
    block = extent.offset // BLOCK
    return position + _PLACE, both_orders(block) + both_orders(extent.length)


def both_orders(number: int) -> bytes:
    """A 32-bit number first in little-endian, then in big-endian order (ECMA-119, 7.3.3)."""
    return number.to_bytes(4, "little") + number.to_bytes(4, "big")


def _raw_records(directory: Extent, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each record and where it is; none crosses the end of a block (ECMA-119, 6.8.1.1)."""
    position = 0
    while position < len(content):
        length = content[position]
        block_end = min((position // BLOCK + 1) * BLOCK, len(content))
        if length == 0:
            position = block_end
            continue
        record = content[position : position + length]
        if length < 34 or position + length > block_end or 33 + record[32] > length:
            raise IsoError(f"the directory record at byte {directory.offset + position} is damaged")
        yield directory.offset + position, record
        position += length


def _append(extents: list[Extent], extent: Extent) -> None:
    """Add C{extent}, as a part of the last one where it directly follows that."""
    if not extent.length:
        return
    if extents and extents[-1].end == extent.offset:
        extents[-1] = Extent(extents[-1].offset, extents[-1].length + extent.length)
    else:
        extents.append(extent)
