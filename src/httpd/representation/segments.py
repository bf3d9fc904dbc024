"""
Representations as lists of segments.

A L{Representation} is the byte sequence that a URL denotes (RFC 9110, section 3.2), kept as a tuple
of segments: runs of bytes that each have one source.  Overlay, append and slice are arithmetic on
that tuple; no byte is read here, so a customised ISO of many GiB costs a few hundred bytes.

All values are immutable: one representation may be played to any number of clients at once.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, compress
from typing import Protocol


class Source(Protocol):
    """
    Where the bytes of a L{FileSegment} come from: a file that does not change while used, on disk
    or elsewhere.
    """

    @property
    def identity(self) -> str:
        """Names the content: two sources with one identity hold the same bytes."""

    def read(self, offset: int, length: int) -> bytes | Awaitable[bytes]:
        """
        At least one byte, and at most C{length}, from C{offset} on: at once, or later.

        @raise OSError: they cannot be had.
        @raise EOFError: there are none.  What comes later raises both when it is awaited.
        """

    def release(self) -> None:
        """Whoever has read from here reads no more: what was on its way to him may stay away."""


@dataclass(frozen=True, slots=True)
class FileSegment:
    """C{length} bytes of C{source} from C{offset} on."""

    source: Source
    offset: int
    length: int

    def slice(self, start: int, stop: int) -> FileSegment:
        """The part from C{start} to C{stop}, counted from this segment's own first byte."""
        return FileSegment(self.source, self.offset + start, stop - start)

    def fingerprint(self) -> bytes:
        """What sets this segment's content apart from any other's, for an ETag."""
        return f"file {self.source.identity} {self.offset} {self.length}".encode()


@dataclass(frozen=True, slots=True)
class BytesSegment:
    """Bytes that are at hand; a generated area such as an Ignition archive."""

    data: memoryview | bytes = field(repr=False)

    @property
    def length(self) -> int:
        """Number of bytes."""
        return len(self.data)

    def slice(self, start: int, stop: int) -> BytesSegment:
        """The part from C{start} to C{stop}, without a copy."""
        return BytesSegment(memoryview(self.data)[start:stop])

    def fingerprint(self) -> bytes:
        """What sets this segment's content apart from any other's, for an ETag."""
        return b"bytes " + hashlib.sha256(self.data).digest()


@dataclass(frozen=True, slots=True)
class ZeroSegment:
    """C{length} zero bytes: the unused rest of an area."""

    length: int

    def slice(self, start: int, stop: int) -> ZeroSegment:
        """The part from C{start} to C{stop}."""
        return ZeroSegment(stop - start)

    def fingerprint(self) -> bytes:
        """What sets this segment's content apart from any other's, for an ETag."""
        return f"zero {self.length}".encode()


Segment = FileSegment | BytesSegment | ZeroSegment


@dataclass(frozen=True)
class Representation:
    """An immutable sequence of bytes, made of segments; empty ones are left out."""

    segments: tuple[Segment, ...] = ()
    length: int = field(init=False, compare=False)
    """Total number of bytes."""

    def __post_init__(self) -> None:
        lengths = [segment.length for segment in self.segments]
        if not all(lengths):
            object.__setattr__(self, "segments", tuple(compress(self.segments, lengths)))
        object.__setattr__(self, "length", sum(lengths))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """Where each segment ends: to find one of many without a walk."""
        return tuple(accumulate([segment.length for segment in self.segments]))

    @classmethod
    def of(cls, *segments: Segment) -> Representation:
        """The representation that plays C{segments} one after the other."""
        return cls(segments)

    @classmethod
    def _of_parts(cls, parts: tuple[Segment, ...], length: int) -> Representation:
        """Of segments none of which is empty, and whose length is known: what each range makes."""
        representation = object.__new__(cls)
        representation.__dict__.update(segments=parts, length=length)
        return representation

    @classmethod
    def from_bytes(cls, data: bytes) -> Representation:
        """A representation of bytes that are at hand."""
        return cls((BytesSegment(data),))

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def append(self, *others: Representation) -> Representation:
        """This representation followed by C{others}."""
        parts = [*self.segments]
        for other in others:
            parts.extend(other.segments)
        return Representation(tuple(parts))

    def slice(self, start: int, stop: int) -> Representation:
        """
        The bytes from C{start} up to, not including, C{stop}.

        @raise ValueError: unless C{0 <= start <= stop <= length}.
        """
        if not 0 <= start <= stop <= self.length:
            raise ValueError(f"no slice [{start}, {stop}) in {self.length} bytes")
        parts: list[Segment] = []
        length = stop - start
        index = bisect_right(self._ends, start)
        while start < stop:
            segment, end = self.segments[index], self._ends[index]
            begin = end - segment.length
            parts.append(segment.slice(start - begin, min(end, stop) - begin))
            start = end
            index += 1
        return Representation._of_parts(tuple(parts), length)

    def overlay(self, offset: int, other: Representation) -> Representation:
        """
        This representation with C{other} in place of the bytes from C{offset} on.

        @raise ValueError: C{other} would reach outside this representation.
        """
        end = offset + other.length
        if not 0 <= offset <= end <= self.length:
            raise ValueError(f"no room for {other.length} bytes at {offset} in {self.length} bytes")
        return self.slice(0, offset).append(other, self.slice(end, self.length))

    def padded(self, length: int) -> Representation:
        """
        This representation with zeros behind it, C{length} bytes in all.

        @raise ValueError: it is longer than that already.
        """
        if self.length > length:
            raise ValueError(f"{self.length} bytes do not fit into {length}")
        return Representation((*self.segments, ZeroSegment(length - self.length)))

    def aligned(self, boundary: int) -> Representation:
        """This representation with zeros behind it up to the next multiple of C{boundary}."""
        return self.padded(-(-self.length // boundary) * boundary)

    @property
    def bytes_in_memory(self) -> int:
        """How many of its bytes are at hand, and so in memory for as long as it is kept."""
        return sum(one.length for one in self.segments if isinstance(one, BytesSegment))

    @property
    def digest(self) -> str:
        """
        A hexadecimal fingerprint of the content, for a strong ETag (RFC 9110, section 8.8.3):
        representations of different bytes have different digests.
        """
        total = hashlib.sha256()
        for segment in self.segments:
            part = segment.fingerprint()
            total.update(len(part).to_bytes(4, "big") + part)
        return total.hexdigest()[:32]
