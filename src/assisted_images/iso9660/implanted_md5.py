"""
The MD5 that isomd5sum's C{implantisomd5} leaves in an image, which C{checkisomd5} and the boot menu
of installers look for: a text in the application data of the primary volume descriptor.  It is of
the volume up to some sectors before its end, with spaces where that text is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from assisted_images.iso9660.descriptors import SYSTEM_AREA_BYTES
from assisted_images.iso9660.volume import BLOCK, Volume
from assisted_images.values import Extent

_APPLICATION_DATA = Extent(SYSTEM_AREA_BYTES + 883, 512)
"""ECMA-119, 8.4.32, of the descriptor that is the first."""

_MD5 = re.compile(rb"ISO MD5SUM = ([0-9a-f]{32});")
_SKIPPED = re.compile(rb"SKIPSECTORS = ([0-9]{1,9});")


@dataclass(frozen=True, slots=True)
class ImplantedMd5:
    """What an image says of itself."""

    expected: str
    """In hexadecimal."""

    length: int
    """Bytes from the image's beginning on that it is of."""

    @classmethod
    def read(cls, volume: Volume) -> ImplantedMd5 | None:
        """
        Look for one; C{None} in images that have none.

        @raise IsoError: the image cannot be read.
        """
        text = volume.read_extent(_APPLICATION_DATA)
        md5, skipped = _MD5.search(text), _SKIPPED.search(text)
        if md5 is None or skipped is None:
            return None
        return cls(md5[1].decode(), max(0, volume.size - int(skipped[1]) * BLOCK))


class Md5OfImage:
    """The same of an image that comes in pieces, one behind the other."""

    def __init__(self, length: int) -> None:
        """
        @param length: as L{ImplantedMd5.length}.
        """
        self._rest = length
        self._position = 0
        self._total = hashlib.md5(usedforsecurity=False)

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next piece."""
        part = bytearray(piece[: self._rest])
        own = _APPLICATION_DATA
        start = max(own.offset - self._position, 0)
        end = min(own.end - self._position, len(part))
        if start < end:
            part[start:end] = b" " * (end - start)
        self._total.update(part)
        self._rest -= len(part)
        self._position += len(part)

    @property
    def text(self) -> str:
        """In hexadecimal."""
        return self._total.hexdigest()
