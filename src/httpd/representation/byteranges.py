"""
Byte ranges (RFC 9110, section 14): C{Range}, by which a client asks for some, and C{Content-Range},
which says what came.
"""

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

_CONTENT_RANGE = re.compile(
    r"\s*bytes (?:(\d+)-(\d+)/(\d+|\*)|\*/(\d+))\s*", re.ASCII | re.IGNORECASE
)

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


class ContentRange(NamedTuple):
    """What C{Content-Range} says of a response (section 14.4)."""

    part: ByteRange | None
    """What it has of the representation; L{None}: nothing, since there is nothing of what was asked
    for (416)."""

    length: int | None
    """Bytes of the whole representation; L{None}: that is not known."""


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


def parse_content_range(text: str) -> ContentRange | None:
    """
    Read the value of a C{Content-Range} field.

    @return: L{None}: it is malformed, of another unit, or cannot be true.
    """
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        return None
    first, last, length, unsatisfied = match.groups()
    if unsatisfied is not None:
        return ContentRange(None, _number(unsatisfied))
    part = ByteRange(_number(first), _number(last) + 1)
    whole = None if length == "*" else _number(length)
    if part.start >= part.stop or (whole is not None and part.stop > whole):
        return None
    return ContentRange(part, whole)


def _number(digits: str) -> int:
    """Read a position or a length."""
    if len(digits) > _DIGITS:
        digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else _BEYOND


def _is_abuse(ranges: Sequence[ByteRange]) -> bool:
    if len(ranges) == 1:
        return False
    in_order = sorted(ranges)
    overlap = any(one.stop > other.start for one, other in pairwise(in_order))
    return overlap or len(ranges) > MAX_RANGES
