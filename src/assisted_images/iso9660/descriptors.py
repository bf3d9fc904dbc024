"""The volume descriptors of an ISO 9660 image (ECMA-119, 8), and what is before and behind them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from assisted_images.iso9660.directories import BLOCK, extent_of
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.rock_ridge import ReadExtent
from assisted_images.values import Extent

SYSTEM_AREA_BYTES = 16 * BLOCK
"""What precedes the volume descriptors, outside the file system: MBR, GPT (ECMA-119, 6.2.1)."""

VOLUME_ID_BYTES = SYSTEM_AREA_BYTES + BLOCK
"""What has to be there of an image to know its volume identifier."""

_MOST_DESCRIPTORS = 32
_BOOT_RECORD, _PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 0, 1, 2, 255
_JOLIET_ESCAPES = (b"%/@", b"%/C", b"%/E")
_EL_TORITO = b"EL TORITO SPECIFICATION"
_EL_TORITO_CATALOG = 71
_UDF = b"BEA01"


@dataclass(slots=True)
class Descriptors:
    """What a volume's descriptors say."""

    primary: bytes = b""
    joliet: bytes | None = None
    other: list[bytes] = field(default_factory=list)
    """Those of further trees, such as ISO 9660:1999's."""

    positions: list[int] = field(default_factory=list)
    """Where the descriptors are that give the volume's size, in bytes from the image's start."""

    boot_catalog: int | None = None
    """Where El Torito's boot catalog is, in bytes; None for a volume that does not boot so."""

    has_udf: bool = False
    """Whether an UDF file system is announced behind them (ECMA-167, 2/9.2)."""

    @classmethod
    def read(cls, read: ReadExtent, file_size: int) -> Descriptors:
        """
        Read them.

        @raise IsoError: there are none, or of a kind that is not supported.
        """
        found = cls()
        position = 0
        for position, data in _descriptors(read, file_size):
            found._take(position, data)
        if not found.primary:
            raise IsoError("not an ISO 9660 image: no primary volume descriptor")
        block_size = struct.unpack_from("<H", found.primary, 128)[0]
        if block_size != BLOCK:
            raise IsoError(f"logical blocks of {block_size} bytes; expected {BLOCK}")
        behind = Extent(position + BLOCK, BLOCK)
        found.has_udf = behind.end <= file_size and read(behind)[1:6] == _UDF
        return found

    def _take(self, position: int, data: bytes) -> None:
        if data[0] == _PRIMARY and not self.primary:
            self.primary = data
        elif data[0] == _SUPPLEMENTARY and data[88:91] in _JOLIET_ESCAPES:
            self.joliet = data
        elif data[0] == _SUPPLEMENTARY:
            self.other.append(data)
        elif data[0] == _BOOT_RECORD and data[7:].startswith(_EL_TORITO):
            self.boot_catalog = struct.unpack_from("<I", data, _EL_TORITO_CATALOG)[0] * BLOCK
        if data[0] in (_PRIMARY, _SUPPLEMENTARY):
            self.positions.append(position)

    @property
    def volume_id(self) -> str:
        """The volume identifier, without the spaces that fill it up."""
        return _volume_id(self.primary)

    @property
    def volume_size(self) -> int:
        """Bytes of the volume."""
        return int(struct.unpack_from("<I", self.primary, 80)[0]) * BLOCK


def root_extent(descriptor: bytes) -> Extent:
    """Where the root directory is of the tree that a descriptor describes."""
    return extent_of(descriptor[156:190])


def _descriptors(read: ReadExtent, file_size: int) -> Iterator[tuple[int, bytes]]:
    """Each volume descriptor and where it is, the terminator at last."""
    for sector in range(16, 16 + _MOST_DESCRIPTORS):
        if (sector + 1) * BLOCK > file_size:
            raise IsoError(f"not an ISO 9660 image: {file_size} bytes end before its descriptors")
        data = read(Extent(sector * BLOCK, BLOCK))
        if data[1:6] != b"CD001":
            raise IsoError(f"not an ISO 9660 image: no volume descriptor in sector {sector}")
        yield sector * BLOCK, data
        if data[0] == _TERMINATOR:
            return


def volume_id_of(beginning: bytes) -> str:
    """
    The volume identifier, out of an image's first L{VOLUME_ID_BYTES}.

    @raise IsoError: they are no image's.
    """
    descriptor = beginning[SYSTEM_AREA_BYTES:VOLUME_ID_BYTES]
    if len(descriptor) < BLOCK or not begins_volume(descriptor):
        raise IsoError("not an ISO 9660 image: no primary volume descriptor in sector 16")
    return _volume_id(descriptor)


def begins_volume(block: bytes) -> bool:
    """Whether a block can be the primary volume descriptor, which is a volume's first."""
    return block[:6] == bytes([_PRIMARY]) + b"CD001"


def _volume_id(primary: bytes) -> str:
    """ECMA-119, 8.4.7."""
    return primary[40:72].decode("ascii", errors="replace").strip(" \0")
