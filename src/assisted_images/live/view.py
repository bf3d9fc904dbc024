"""
A representation read as a file, and a file whose reads remember where they came from.

With these two, pycdlib writes a minimal ISO without a byte of kernel or initial ramdisk being
copied: what it reads is a L{Piece}, and what it writes becomes segments again.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    Source,
    ZeroSegment,
)


class _Positioned:
    """The position of a file, which seeks move."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to C{offset}, as in L{io.IOBase.seek}; past the end is allowed."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        """The current position, in bytes."""
        return self._position

    def _take(self, size: int) -> tuple[int, int]:
        """Advance over C{size} bytes, or what there is of them; from where to where."""
        start = min(self._position, self._size)
        stop = self._size if size < 0 else min(start + size, self._size)
        self._position = stop
        return start, stop


class RepresentationFile(_Positioned):
    """
    A representation as a seekable binary file.

    @param file: holds the bytes of the segments whose source is C{source}.
    """

    def __init__(self, representation: Representation, source: Source, file: SeekableFile) -> None:
        super().__init__(representation.length)
        self._segments = representation.segments
        self._ends = list(accumulate(segment.length for segment in self._segments))
        self._source = source
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """
        The next C{size} bytes.

        @raise IsoError: they are another source's than the one this was made for.
        """
        start, stop = self._take(size)
        parts = []
        index = bisect_right(self._ends, start)
        while start < stop:
            segment, end = self._segments[index], self._ends[index]
            first = segment.length - (end - start)
            last = min(stop, end) - start + first
            parts.append(self._bytes(segment.slice(first, last)))
            start, index = min(stop, end), index + 1
        return b"".join(parts)

    def _bytes(self, segment: Segment) -> bytes:
        match segment:
            case BytesSegment(data=data):
                return bytes(data)
            case ZeroSegment(length=length):
                return bytes(length)
            case FileSegment(source=source, offset=offset, length=length):
                if source is not self._source:
                    raise IsoError("bytes of another file are not at hand")
                self._file.seek(offset)
                return self._file.read(length)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a read gives instead of bytes: where they are to be had."""

    representation: Representation

    def __len__(self) -> int:
        return self.representation.length


class PieceFile(_Positioned):
    """A file that gives a L{Piece} for each read."""

    mode = "rb"
    """pycdlib asks for it."""

    def __init__(self, representation: Representation) -> None:
        super().__init__(representation.length)
        self._representation = representation

    def read(self, size: int = -1, /) -> Piece:
        """The next C{size} bytes, or rather where they are."""
        return Piece(self._representation.slice(*self._take(size)))


class VolumeFile(_Positioned):
    """
    A full ISO as pycdlib gets it: bytes while it looks around, pieces as soon as it writes.

    @param corrections: bytes that are to be seen at some offsets in place of the file's own.
    """

    mode = "rb"

    def __init__(
        self, file: SeekableFile, source: Source, size: int, corrections: Mapping[int, bytes]
    ) -> None:
        super().__init__(size)
        self._file = file
        self._whole = Representation.of(FileSegment(source, 0, size))
        self._corrections = sorted(corrections.items())
        self.gives_pieces = False
        """Whether reads give pieces."""

    def read(self, size: int = -1, /) -> bytes | Piece:
        """The next C{size} bytes, or where they are."""
        start, stop = self._take(size)
        if self.gives_pieces:
            return Piece(self._whole.slice(start, stop))
        self._file.seek(start)
        content = bytearray(self._file.read(stop - start))
        for offset, correct in self._corrections_between(start, start + len(content)):
            first, last = max(offset, start), min(offset + len(correct), start + len(content))
            content[first - start : last - start] = correct[first - offset : last - offset]
        return bytes(content)

    def _corrections_between(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """They do not overlap, so at most one reaches in from before C{start}."""
        index = max(bisect_right(self._corrections, (start, b"")) - 1, 0)
        for offset, correct in islice(self._corrections, index, None):
            if offset >= stop:
                return
            if offset + len(correct) > start:
                yield offset, correct
