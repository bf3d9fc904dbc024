"""
The parts of an object: those that it was uploaded in, and those that it is copied in.

The ETag of an object that came in parts is not the MD5 of its bytes but C{MD5(MD5s of the parts)-N}
with N parts.  S3's documents call it opaque, but every server does it; so it stays the same where a
copy has the same parts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

MIB = 1024 * 1024

LARGEST_AT_ONCE = 5 * 1024 * MIB
"""Bytes that one request can copy (Amazon S3 User Guide, "Copying objects")."""

_LEAST = 5 * MIB
"""Bytes of a part that is not the last (same guide, "Multipart upload limits")."""

_OWN = 512 * MIB
"""Bytes of a part of an object that has none of its own."""

_USUAL_MIB = (8, 5, 16, 10, 15, 32, 64, 25, 50, 100, 128, 256, 512, 1024, 2048, 4096, 5120, 6, 7)
"""Sizes of parts that clients have by default or are told to use, the most usual first."""

_OF_PARTS = re.compile(r"[0-9a-fA-F]{32}-([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of an object from C{start} up to, not including, C{stop}."""

    number: int
    """From 1 on."""
    start: int
    stop: int

    @property
    def range(self) -> str:
        """These bytes, as a header field has them."""
        return f"bytes={self.start}-{self.stop - 1}"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stop - self.start


Parts = tuple[Part, ...]
"""All of an object, in order."""


def parts_of(sizes: Iterable[int]) -> Parts:
    """The parts that have these sizes."""
    stops = [0, *accumulate(sizes)]
    return tuple(Part(number, stops[number - 1], stops[number]) for number in range(1, len(stops)))


def even_parts(size: int, part_size: int) -> Parts:
    """An object of C{size} bytes in parts of C{part_size}, but for the last: as clients do it."""
    whole, rest = divmod(size, part_size)
    return parts_of([part_size] * whole + [rest] * bool(rest))


def own_parts(size: int) -> Parts:
    """In what an object is copied that was not uploaded in parts."""
    return even_parts(size, _OWN)


def guessed_parts(size: int, count: int) -> list[Parts]:
    """What C{count} parts an object may have been uploaded in, the likeliest first; one or more."""
    usual = [one * MIB for one in _USUAL_MIB]
    # Clients that have many parts make them larger by whole MiB, until there are few enough.
    usual.append(-(-size // (count * MIB)) * MIB)
    fitting = [one for one in dict.fromkeys(usual) if -(-size // one) == count]
    return [even_parts(size, one) for one in fitting or [max(_LEAST, -(-size // count))]]


def part_count(etag: str) -> int | None:
    """In how many parts an object was uploaded; L{None}: not in parts."""
    match = _OF_PARTS.fullmatch(etag)
    return int(match[1]) or None if match else None


def etag_of(part_etags: Sequence[str]) -> str | None:
    """
    The ETag of an object of these parts; L{None}: theirs are no MD5s, as where a customer's key
    encrypts them.
    """
    try:
        digests = [bytes.fromhex(one) for one in part_etags]
    except ValueError:
        return None
    if any(len(digest) != 16 for digest in digests):
        return None
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
