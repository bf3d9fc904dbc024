"""
cpio archives in the C{newc} format: what the Linux kernel unpacks into an initial ramdisk.

The format is in the kernel's C{Documentation/driver-api/early-userspace/buffer-format.rst}: a
header of 110 ASCII characters for each member (a magic number and thirteen 8-digit hexadecimal
fields), its name with a final NUL, its content; name and content are padded to 4 bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

from assisted_images.iso9660.files import SeekableFile
from assisted_images.values import Extent

ARCHIVE_ALIGNMENT = 4
"""
The kernel finds the next archive of an initial ramdisk, behind zeros, at a multiple of so many
bytes (as above).
"""

_MAGIC = b"070701"
_MAGICS = (_MAGIC, b"070702")  # the second one has checksums
_HEADER_BYTES = 110
_TRAILER = "TRAILER!!!"
_LARGEST_FIELD = 0xFFFFFFFF
_LONGEST_NAME = 4096
_MOST_MEMBERS = 10_000

# Level 1 makes larger archives, level 9 takes longer for nothing.  300 KiB take about 5 ms.
_GZIP_LEVEL = 6


class CpioError(ValueError):
    """Not a newc archive that can be read, or nothing that one can hold; the text says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive inside a file."""

    name: str
    mode: int
    """Type and permissions, as in C{stat.st_mode}."""

    content: Extent
    """Where its bytes lie in the file."""


def archive(name: str, content: bytes, mode: int) -> bytes:
    """
    A whole archive, trailer included, with one member, owned by root and without a time.

    @param mode: type and permissions, such as C{0o100644}.
    @raise CpioError: the content is 4 GiB or more, which newc cannot hold.
    """
    return _member(name, content, mode, inode=1) + _member(_TRAILER, b"", 0, inode=0)


def gzipped(name: str, content: bytes, mode: int) -> bytes:
    """
    The gzip of L{archive}, zero-padded to 4 bytes so that another archive can follow it.

    One input gives one output: no time is in it (RFC 1952, MTIME 0).
    """
    return _padded(gzip.compress(archive(name, content, mode), _GZIP_LEVEL, mtime=0))


def members(file: SeekableFile, extent: Extent) -> Iterator[Member]:
    """
    Walk an uncompressed archive that lies in C{file} at C{extent}; no content is read.

    @raise CpioError: what is there is no newc archive, or one that is cut off.
    """
    position = extent.offset
    for _ in range(_MOST_MEMBERS):
        header = _read(file, position, _HEADER_BYTES, extent)
        mode, size, name_bytes = _parse_header(header, position)
        name = _read(file, position + _HEADER_BYTES, name_bytes, extent)[:-1].decode(
            errors="replace"
        )
        if name == _TRAILER:
            return
        start = extent.offset + _aligned(position + _HEADER_BYTES + name_bytes - extent.offset)
        content = Extent(start, size)
        if content.end > extent.end:
            raise CpioError(
                f"cpio member {name!r} has {size} bytes, but its archive ends {extent.end - start} "
                "bytes behind its header"
            )
        yield Member(name, mode, content)
        position = extent.offset + _aligned(content.end - extent.offset)
    raise CpioError(f"more than {_MOST_MEMBERS} members in a cpio archive")


def _member(name: str, content: bytes, mode: int, inode: int) -> bytes:
    if len(content) > _LARGEST_FIELD:
        raise CpioError(f"{len(content)} bytes are too many for a cpio member; newc takes 4 GiB")
    encoded = name.encode() + b"\0"
    #          inode  mode  uid gid links mtime size          device (4)   name          checksum
    fields = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0]
    header = _MAGIC + b"".join(b"%08X" % field for field in fields)
    return _padded(header + encoded) + _padded(content)


def _parse_header(header: bytes, position: int) -> tuple[int, int, int]:
    """Mode, size of the content and size of the name, final NUL included."""
    if not header.startswith(_MAGICS):
        raise CpioError(f"no cpio header (newc) at byte {position}")
    try:
        fields = [int(header[start : start + 8], 16) for start in range(6, _HEADER_BYTES, 8)]
    except ValueError:
        raise CpioError(f"the cpio header at byte {position} is not hexadecimal") from None
    mode, size, name_bytes = fields[1], fields[6], fields[11]
    if not 1 <= name_bytes <= _LONGEST_NAME:
        raise CpioError(f"a name of {name_bytes} bytes in the cpio header at byte {position}")
    return mode, size, name_bytes


def _read(file: SeekableFile, position: int, length: int, extent: Extent) -> bytes:
    if position + length > extent.end:
        raise CpioError(f"the cpio archive at byte {extent.offset} is cut off")
    file.seek(position)
    data = file.read(length)
    if len(data) != length:
        raise CpioError(f"the file ends inside the cpio archive at byte {extent.offset}")
    return data


def _aligned(length: int) -> int:
    return -(-length // 4) * 4


def _padded(data: bytes) -> bytes:
    return data.ljust(_aligned(len(data)), b"\0")
