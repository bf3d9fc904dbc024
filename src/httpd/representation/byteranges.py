"""The C{Range} header of a GET request (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

MAX_RANGES = 16
"""A request for more parts than this is answered with the whole representation."""

_INT_RANGE = r"(?:\d+-\d*|-\d+)"
# RFC 9110, section 5.6.1: a list may have empty elements, and white space around any.
_RANGES = re.compile(
    rf"\s*bytes\s*=[ \t,]*({_INT_RANGE}(?:[ \t]*,[ \t,]*{_INT_RANGE})*)[ \t,]*",
    re.ASCII | re.IGNORECASE,
)
_PLAIN_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)
"""What nearly all ask for."""

_POSITIONS = re.compile(r"(\d*)-(\d*)", re.ASCII)

_DIGITS = 100
"""No length has as many; C{int} refuses some thousands."""

_BEYOND = 10**_DIGITS
"""Stands for every position that has more of them."""


class ByteRange(NamedTuple):
    """The bytes from C{start} up to, not including, C{stop}."""

    start: int
    stop: int

    def content_range(self, length: int) -> bytes:
        """The field C{Content-Range} of this part of C{length} bytes (section 14.4)."""
        return b"Content-Range: bytes %d-%d/%d\r\n" % (self.start, self.stop - 1, length)


class RangeNotSatisfiable(Exception):
    """The header is well-formed, and none of its ranges selects a byte: status 416."""


def parse_range(header: str, length: int) -> Sequence[ByteRange] | None:
    """
    Read a C{Range} header against a representation of C{length} bytes.

    @return: the satisfiable ranges in the client's order; L{None} where the header does not apply
        and the whole representation is the answer: another unit, bad syntax, or abuse (more than
        L{MAX_RANGES} ranges, or overlapping ones; section 14.2 allows to ignore those).
    @raise RangeNotSatisfiable: no range selects anything.
    """
    plain = _PLAIN_RANGE.fullmatch(header)
    if plain is not None:
        part = ByteRange(int(plain[1]), int(plain[2]) + 1)
        if part.start < part.stop <= length:
            return (part,)
    return _parse_any(header, length)


def _parse_any(header: str, length: int) -> Sequence[ByteRange] | None:
    match = _RANGES.fullmatch(header)
    if match is None:
        return None
    satisfiable = []
    for first, last in _POSITIONS.findall(match[1]):
        if not first:
            start, stop = max(length - _number(last), 0), length
        elif not last:
            start, stop = _number(first), length
        else:
            start, stop = _number(first), _number(last) + 1
            if stop <= start:
                return None
            stop = min(stop, length)
        if start < stop:
            satisfiable.append(ByteRange(start, stop))
    if not satisfiable:
        raise RangeNotSatisfiable
    return None if _is_abuse(satisfiable) else satisfiable


def _number(digits: str) -> int:
    """Read a position."""
    if len(digits) > _DIGITS:
        digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else _BEYOND


def _is_abuse(ranges: Sequence[ByteRange]) -> bool:
    if len(ranges) == 1:
        return False
    in_order = sorted(ranges)
    overlap = any(one.stop > other.start for one, other in pairwise(in_order))
    return overlap or len(ranges) > MAX_RANGES
