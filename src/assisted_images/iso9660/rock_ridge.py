"""
Rock Ridge names: the file names that an ISO 9660 directory record carries for POSIX systems.

SUSP (IEEE P1281) lays the fields out in a record's System Use area: two letters, a length, a
version, data.  C{CE} says where more of them lie; C{SP} in the root directory, how many bytes to
skip in each area.  RRIP (IEEE P1282) defines C{NM}, a piece of the name, with a flag for
"continued".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from assisted_images.iso9660.errors import IsoError
from assisted_images.values import Extent

_BLOCK = 2048
_MOST_CONTINUATIONS = 16
_LONGEST_CONTINUATION = 4 * _BLOCK
_LONGEST_NAME = 1024

_NAME_CONTINUES = 0x01
_NAMES_A_RELATIVE = 0x06  # the flags of "." and "..", which have no text

ReadExtent = Callable[[Extent], bytes]
"""Reads an extent of the image; raises L{IsoError} when it lies outside."""


def bytes_to_skip(system_use: bytes) -> int:
    """
    What the C{SP} field at the start of the root's System Use area says: how many bytes precede the
    first field in every other area; 0 without that field.
    """
    if system_use[:6] == b"SP\x07\x01\xbe\xef" and len(system_use) >= 7:
        return system_use[6]
    return 0


def name(system_use: bytes, read: ReadExtent) -> str | None:
    """
    The name that the fields in C{system_use} give, or None when there is none.

    @raise IsoError: continuations without an end, outside the image, or an absurdly long name.
    """
    parts: list[bytes] = []
    for signature, data in _fields(system_use, read):
        if signature != b"NM" or not data or data[0] & _NAMES_A_RELATIVE:
            continue
        parts.append(data[1:])
        if sum(map(len, parts)) > _LONGEST_NAME:
            raise IsoError(f"a Rock Ridge name of more than {_LONGEST_NAME} bytes")
        if not data[0] & _NAME_CONTINUES:
            break
    return b"".join(parts).decode(errors="surrogateescape") if parts else None


def _fields(system_use: bytes, read: ReadExtent) -> Iterator[tuple[bytes, bytes]]:
    """Each field's signature and data, through all continuation areas."""
    area = system_use
    for _ in range(_MOST_CONTINUATIONS):
        continuation = None
        for signature, data in _fields_of_area(area):
            if signature == b"CE" and len(data) >= 24:
                continuation = _continuation(data)
            yield signature, data
        if continuation is None:
            return
        area = read(continuation)
    raise IsoError(f"more than {_MOST_CONTINUATIONS} Rock Ridge continuation areas for one file")


def _fields_of_area(area: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 4 <= len(area):
        signature, length = area[position : position + 2], area[position + 2]
        if length < 4 or position + length > len(area) or signature == b"ST":
            return
        yield signature, area[position + 4 : position + length]
        position += length


def _continuation(data: bytes) -> Extent:
    """Block, offset and length, each first in little-endian, then in big-endian order."""
    block, _, offset, _, length, _ = struct.unpack("<I4sI4sI4s", data[:24])
    if length > _LONGEST_CONTINUATION:
        raise IsoError(f"a Rock Ridge continuation area of {length} bytes")
    return Extent(block * _BLOCK + offset, length)
