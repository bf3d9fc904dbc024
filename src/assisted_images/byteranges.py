"""The C{Range} header of a GET request (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

MAX_RANGES = 16
"""A request for more parts than this is answered with the whole representation."""

_SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """The bytes from C{start} up to, not including, C{stop}."""

    start: int
    stop: int

    def content_range(self, length: int) -> str:
        """The C{Content-Range} value for this part of C{length} bytes (section 14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{length}"


class RangeNotSatisfiable(Exception):
    """The header is well-formed, and none of its ranges selects a byte: status 416."""


def parse_range(header: str, length: int) -> tuple[ByteRange, ...] | None:
    """
    Read a C{Range} header against a representation of C{length} bytes.

    @return: the satisfiable ranges in the client's order; L{None} where the header does not apply
        and the whole representation is the answer: another unit, bad syntax, or abuse (more than
        L{MAX_RANGES} ranges, or overlapping ones; section 14.2 allows to ignore those).
    @raise RangeNotSatisfiable: no range selects anything.
    """
    unit, equals, ranges_specifier = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    # RFC 9110, section 5.6.1: a list may have empty elements, and white space around any.
    specs = [spec for part in ranges_specifier.split(",") if (spec := part.strip(" \t"))]
    matches = [_SPEC.fullmatch(spec) for spec in specs]
    if not matches:
        return None
    selected = []
    for match in matches:
        if match is None or match[0] == "-":
            return None
        first, last = _number(match[1], length), _number(match[2], length)
        if first is not None and last is not None and _is_backwards(match[1], match[2]):
            return None
        selected.append(_resolve(first, last, length))
    satisfiable = tuple(part for part in selected if part is not None)
    if not satisfiable:
        raise RangeNotSatisfiable
    return None if _is_abuse(satisfiable) else satisfiable


def _number(digits: str, length: int) -> int | None:
    """Read a position; one of more digits than C{length} has is as good as C{length}."""
    significant = digits.lstrip("0")
    if len(significant) > len(str(length)):
        return length
    return int(significant or "0") if digits else None


def _is_backwards(first: str, last: str) -> bool:
    """Whether C{first} is a larger number than C{last}, of any number of digits."""
    first, last = first.lstrip("0"), last.lstrip("0")
    return (len(first), first) > (len(last), last)


def _resolve(first: int | None, last: int | None, length: int) -> ByteRange | None:
    """The bytes that C{first-last}, C{first-} or C{-suffix_length} selects; L{None}: not one."""
    if first is None:
        start, stop = max(length - (last or 0), 0), length
    else:
        start, stop = first, length if last is None else min(last + 1, length)
    return ByteRange(start, stop) if start < stop else None


def _is_abuse(ranges: tuple[ByteRange, ...]) -> bool:
    in_order = sorted(ranges)
    overlap = any(one.stop > other.start for one, other in pairwise(in_order))
    return overlap or len(ranges) > MAX_RANGES
