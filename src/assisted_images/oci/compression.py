"""
How layers are compressed, and decompression piece by piece: however little a blob is and however
much it makes of itself, no more than L{PIECE} bytes of that are in memory at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Protocol

from assisted_images.oci.errors import PayloadError
from assisted_images.zstd import ZstdDecompressor, ZstdError, frame_decompressor

PIECE = 256 << 10
"""The most bytes that come out at once."""

_LARGEST_WINDOW_LOG = 26
"""64 MiB, zstd's window: as much memory as a frame may ask for."""


_GZIP = b"\x1f\x8b\x08"
"""RFC 1952, section 2.3.1: the identification, and the one method that there is."""

_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
"""RFC 8878, sections 3.1.1 and 3.1.2: a frame; and one to skip, behind a byte 0x50 to 0x5F."""

_USTAR, _USTAR_AT = b"ustar", 257
"""POSIX's tar and GNU's: the magic field of a header, and where it is."""


class LayerError(PayloadError):
    """A layer that is damaged, or does not hold what is looked for as a regular file."""


class Compression(Enum):
    """How a layer's tar archive is compressed."""

    NONE = "none"
    GZIP = "gzip"
    """RFC 1952, with any number of members."""

    ZSTD = "zstd"
    """RFC 8878, with any number of frames."""

    def decompressor(self) -> Decompressor:
        """
        What decompresses one layer that is said to be so.  As with other tools its first bytes
        count where they say something else: registries and their clients have mixed them up.
        """
        return _Sniffing(self)


class Decompressor(Protocol):
    """Decompresses what it is fed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        What C{data} makes, in pieces; to be taken to the end before more is fed.

        @raise LayerError: it is damaged.
        """

    def end(self) -> None:
        """
        There is no more data.

        @raise LayerError: there should be.
        """


class _Sniffing:
    def __init__(self, said: Compression) -> None:
        self._said = said
        self._head = b""
        self._found: Decompressor | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._found is None:
            self._head += data
            kind = _kind(self._head, self._said)
            if kind is None:
                return
            data, self._head, self._found = self._head, b"", _DECOMPRESSORS[kind]()
        yield from self._found.feed(data)

    def end(self) -> None:
        if self._found is None:
            # So little makes no file, but perhaps an error.
            self._found = _DECOMPRESSORS[self._said]()
            for _ in self._found.feed(self._head):
                raise LayerError("the layer ends within its tar archive; expected the rest")
        self._found.end()


def _kind(head: bytes, said: Compression) -> Compression | None:
    """How a layer that begins so is compressed; L{None}: more of it is needed to say that."""
    if len(head) < len(_ZSTD):
        return None
    if head.startswith(_GZIP):
        return Compression.GZIP
    if head.startswith(_ZSTD) or (head[0] >> 4 == 5 and head[1:4] == _ZSTD_SKIPPABLE):
        return Compression.ZSTD
    if said is Compression.NONE:
        return said
    if len(head) < _USTAR_AT + len(_USTAR):
        return None
    return Compression.NONE if head.startswith(_USTAR, _USTAR_AT) else said


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        """Nothing tells the end."""


class _Gzip:
    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None
        self._some = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None:
                if self._some and not (data := data.lstrip(b"\0")):
                    return  # padding behind the last member, which gzip passes over, too
                self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
                self._some = True
            try:
                yield from self._all_of(self._member, data)
            except zlib.error as error:
                raise LayerError(f"the layer is no sound gzip: {error}; expected gzip") from None
            if not self._member.eof:
                return
            data, self._member = self._member.unused_data, None

    @staticmethod
    def _all_of(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        while not member.eof:
            piece = member.decompress(data, PIECE)
            if piece:
                yield piece
            data = member.unconsumed_tail
            # A full piece may have more behind it even where all input is consumed.
            if not data and len(piece) < PIECE:
                return

    def end(self) -> None:
        if self._member is not None or not self._some:
            raise LayerError("the layer ends within its gzip stream; expected the rest")


class _Zstd:
    def __init__(self) -> None:
        self._frame: ZstdDecompressor | None = None
        self._some = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame is None:
                self._frame = frame_decompressor(_LARGEST_WINDOW_LOG)
                self._some = True
            try:
                yield from self._all_of(self._frame, data)
            except ZstdError as error:
                raise LayerError(f"the layer is no sound zstd: {error}; expected zstd") from None
            if not self._frame.eof:
                return
            data, self._frame = self._frame.unused_data, None

    @staticmethod
    def _all_of(frame: ZstdDecompressor, data: bytes) -> Iterator[bytes]:
        while not frame.eof:
            piece = frame.decompress(data, PIECE)
            if piece:
                yield piece
            data = b""
            if frame.needs_input:
                return

    def end(self) -> None:
        if self._frame is not None or not self._some:
            raise LayerError("the layer ends within its zstd stream; expected the rest")


_DECOMPRESSORS: Mapping[Compression, Callable[[], Decompressor]] = {
    Compression.NONE: _Plain,
    Compression.GZIP: _Gzip,
    Compression.ZSTD: _Zstd,
}
