"""What is written into a recorder becomes a representation instead of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from assisted_images.live.view import Piece
from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    ZeroSegment,
)

# Shorter runs of zeros are kept as bytes when they are between bytes: fewer, larger segments.
_SHORT_RUN_OF_ZEROS = 4096


class Recorder:
    """A binary file that is only written to; what nobody writes is zero, as in a sparse file."""

    mode = "wb"
    """pycdlib asks for it."""

    def __init__(self) -> None:
        self._writes: list[tuple[int, Representation]] = []
        self._position = 0
        self._size = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to C{offset}, as in L{io.IOBase.seek}."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The current position, in bytes."""
        return self._position

    def write(self, data: bytes | Piece, /) -> int:
        """Take bytes, or a piece in place of its bytes, at the current position."""
        if isinstance(data, Piece):
            part = data.representation
        else:
            part = Representation.from_bytes(bytes(data))
        if part.length:
            self._writes.append((self._position, part))
        self._position += part.length
        self._size = max(self._size, self._position)
        return part.length

    def representation(self) -> Representation:
        """What was written."""
        parts: list[Representation] = []
        overwrites: list[tuple[int, Representation]] = []
        end = 0
        for offset, part in sorted(self._writes, key=lambda write: write[0]):
            if offset < end:
                overwrites.append((offset, part))
                continue
            parts += [Representation.of(ZeroSegment(offset - end)), part]
            end = offset + part.length
        whole = Representation().append(*parts)
        for offset, part in overwrites:
            whole = whole.overlay(offset, part)
        return merged(whole)


def merged(representation: Representation) -> Representation:
    """The same bytes in fewer segments: adjacent ones of one kind are joined."""
    return Representation(tuple(_joined(_joined(representation.segments, keep_zeros=True))))


def _joined(segments: Iterable[Segment], *, keep_zeros: bool = False) -> Iterator[Segment]:
    before: Segment | None = None
    for segment in segments:
        together = None if before is None else _together(before, segment, keep_zeros=keep_zeros)
        if together is None and before is not None:
            yield before
        before = segment if together is None else together
    if before is not None:
        yield before


def _together(first: Segment, second: Segment, *, keep_zeros: bool) -> Segment | None:
    match first, second:
        case ZeroSegment(), ZeroSegment():
            return ZeroSegment(first.length + second.length)
        case FileSegment(), FileSegment() if (
            first.source is second.source and first.offset + first.length == second.offset
        ):
            return FileSegment(first.source, first.offset, first.length + second.length)
        case (BytesSegment() | ZeroSegment(), BytesSegment() | ZeroSegment()) if not keep_zeros:
            if max(_zeros(first), _zeros(second)) <= _SHORT_RUN_OF_ZEROS:
                return BytesSegment(_bytes(first) + _bytes(second))
    return None


def _zeros(segment: BytesSegment | ZeroSegment) -> int:
    return segment.length if isinstance(segment, ZeroSegment) else 0


def _bytes(segment: BytesSegment | ZeroSegment) -> bytes:
    return bytes(segment.length) if isinstance(segment, ZeroSegment) else bytes(segment.data)
