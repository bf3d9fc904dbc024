"""
What genisoimage and isohybrid take from the clock and by chance, replaced by constants.

genisoimage writes when it ran and when each file's inode was changed last; isohybrid gives the disk
and its partitions random identifiers.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 2048
_DESCRIPTORS = 16 * _BLOCK
_DATES_OF_DESCRIPTOR = slice(813, 881)
"""Four of 17 bytes: creation, modification, expiration, effective (ECMA-119, section 8.4.26)."""

_DATE_OF_VOLUME = b"2023111422132000\0"
_DATE_OF_RECORD = bytes([123, 11, 14, 22, 13, 20, 0])
_ROOT_RECORD = 156
_DIRECTORY = 2

_SECTOR = 512
_MBR_IDENTIFIER = slice(440, 444)


def make_reproducible(iso: Path) -> None:
    """Replace times and random identifiers in the file C{iso}."""
    with iso.open("r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        for descriptor in _descriptors(image):
            image[_at(descriptor, _DATES_OF_DESCRIPTOR)] = _DATE_OF_VOLUME * 4
            _set_times(image, descriptor + _ROOT_RECORD)
        if image[_SECTOR : _SECTOR + 8] == b"EFI PART":
            image[_MBR_IDENTIFIER] = b"boot"
            backup = struct.unpack_from("<Q", image, _SECTOR + 32)[0] * _SECTOR
            for header in (_SECTOR, backup):
                _set_identifiers(image, header)


def _descriptors(image: mmap.mmap) -> Iterator[int]:
    """Where the primary and the supplementary (Joliet) volume descriptors are."""
    position = _DESCRIPTORS
    while (kind := image[position]) != 255:
        if kind in {1, 2}:
            yield position
        position += _BLOCK


def _set_times(image: mmap.mmap, record: int) -> None:
    """In a directory's record, and in those of everything that the directory holds."""
    _set_time(image, record)
    start, length = (struct.unpack_from("<I", image, record + field)[0] for field in (2, 10))
    for number, entry in enumerate(_records(image, start * _BLOCK, length)):
        is_itself_or_parent = number < 2
        if image[entry + 25] & _DIRECTORY and not is_itself_or_parent:
            _set_times(image, entry)
        else:
            _set_time(image, entry)


def _records(image: mmap.mmap, start: int, length: int) -> Iterator[int]:
    position = start
    while position < start + length:
        if not image[position]:  # records do not cross blocks
            position = (position // _BLOCK + 1) * _BLOCK
            continue
        yield position
        position += image[position]


def _set_time(image: mmap.mmap, record: int) -> None:
    """In a record, and in its TF entry (RRIP, section 4.1.6)."""
    image[record + 18 : record + 25] = _DATE_OF_RECORD
    name_length = image[record + 32]
    entry, end = record + 33 + name_length + (name_length + 1) % 2, record + image[record]
    while entry + 4 <= end and (length := image[entry + 2]) >= 4:
        if image[entry : entry + 2] == b"TF":
            image[entry + 5 : entry + length] = _DATE_OF_RECORD * ((length - 5) // 7)
        entry += length


def _set_identifiers(image: mmap.mmap, header: int) -> None:
    """In a GPT header and its partitions; then their checksums (UEFI 2.10, section 5.3.2)."""
    header_bytes = struct.unpack_from("<I", image, header + 12)[0]
    at, count, size = struct.unpack_from("<QII", image, header + 72)
    first = at * _SECTOR
    image[header + 56 : header + 72] = b"disk".ljust(16)
    for number in range(count):
        entry = first + number * size
        if any(image[entry : entry + 16]):
            image[entry + 16 : entry + 32] = f"partition {number}".ljust(16).encode("ascii")
    struct.pack_into("<I", image, header + 88, zlib.crc32(image[first : first + count * size]))
    struct.pack_into("<I", image, header + 16, 0)
    checksum = zlib.crc32(image[header : header + header_bytes])
    struct.pack_into("<I", image, header + 16, checksum)


def _at(start: int, part: slice) -> slice:
    return slice(start + part.start, start + part.stop)
