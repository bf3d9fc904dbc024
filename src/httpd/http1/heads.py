"""
The heads of requests: what they say, and which of them are known already.

Who reads an image piece by piece, as a BMC does, sends one head thousands of times, byte for byte
but for its range.  To read it is Twisted's task; this is about not having it read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from cachetools import LRUCache
from twisted.web.http import parse_qs
from twisted.web.http_headers import Headers

_LONGEST = 2048
"""
Bytes of the longest head that is kept.  Twisted's limits are far above it; and what is made of a
head takes up to 35 times its length, where it is nothing but short fields.
"""

_RANGE = re.compile(rb"\r\n(?i:range):[ \t]*(bytes=[0-9]+-[0-9]*)[ \t]*\r\n")
"""A field that asks for one plain range (RFC 9110, section 14.2)."""


_HOST = re.compile(r"[\w!$%&'()*+,.:;=\[\]~-]*", re.ASCII)
"""
The characters of a host and a port (RFC 3986, section 3.2.2), in any order, as Go takes them: some
firmware writes an IPv6 address without its brackets.  Several lines have a space between them.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """
    What the head of a request says, for every request that has it.

    Its repr shows no more than the method: path, query and fields may hold a token.
    """

    method: bytes
    target: bytes = field(repr=False)
    version: bytes = field(repr=False)
    path: bytes = field(repr=False)
    """The target without its query, as it was sent."""
    args: dict[bytes, list[bytes]] = field(repr=False)
    """The query's parameters, decoded."""
    names: tuple[str, ...] = field(repr=False)
    """The parts of the path, percent-decoded, as text."""
    fields: Mapping[str, str] = field(repr=False)
    """
    The value of each field, by its lower-case name.  Lines of the same name are one list (RFC 9110,
    section 5.3); of a field that is no list that makes a value which it cannot have.
    """
    headers: Headers = field(repr=False)
    """All fields as Twisted has read them, with the range of the first request; never changed."""

    kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False)
    """
    What was read out of it, whatever the range is, by who has read it: for all requests that have
    this head, and no longer than it is known itself.
    """

    @classmethod
    def of(cls, method: bytes, target: bytes, version: bytes, headers: Headers) -> Head:
        """Make it of what Twisted has read."""
        path, _, query = target.partition(b"?")
        return cls(
            method=method,
            target=target,
            version=version,
            path=path,
            args=parse_qs(query, 1),
            names=tuple(map(_text, _parts(path))),
            fields={
                name.decode("ascii").lower(): _text(b", ".join(values))
                for name, values in headers.getAllRawHeaders()
            },
            headers=headers,
        )

    @property
    def has_host(self) -> bool:
        """Whether there is one C{Host}, which HTTP/1.0 may leave out (RFC 9112, section 3.2)."""
        host = self.fields.get("host")
        if host is None:
            return self.version == b"HTTP/1.0"
        return _HOST.fullmatch(host) is not None

    def fields_with(self, plain_range: bytes | None) -> Mapping[str, str]:
        """
        The fields of one request.

        @param plain_range: the value of its range field, where it may have another.
        """
        if plain_range is None:
            return self.fields
        return {**self.fields, "range": plain_range.decode("ascii")}

    def headers_with(self, plain_range: bytes | None) -> Headers:
        """The same as Twisted has them."""
        if plain_range is None:
            return self.headers
        headers = self.headers.copy()
        headers.setRawHeaders(b"range", [plain_range])
        return headers


class KnownHeads:
    """
    The heads that have come last, by their bytes without the range's value.

    They hold credentials, and stay in memory until others take their places.
    """

    def __init__(self, limit: int = 128) -> None:
        """
        @param limit: how many there may be; none with 0.
        """
        self._heads: LRUCache[tuple[bytes, bytes], Head] = LRUCache(limit)

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, data: bytes) -> tuple[Head, bytes | None] | None:
        """
        Find out which head these bytes are, exactly.

        @return: the head, and the value that its one range field has here, where it has one;
            nothing for a head that is not known, and for whatever is no head.
        """
        if len(data) > _LONGEST:
            return None
        key, value = _cut(data)
        try:  # the library's get looks twice
            return self._heads[key], value
        except KeyError:
            return None

    def keep(self, data: bytes, head: Head) -> None:
        """
        Remember a head, if it is short, and if other ranges do not make it another one.

        @param data: all of it, as it was sent.
        """
        key, value = _cut(data)
        ranges = head.headers.getRawHeaders(b"range", [])
        other_ranges = ranges != ([] if value is None else [value])
        if self._heads.maxsize and len(data) <= _LONGEST and not other_ranges:
            self._heads[key] = head


def _cut(data: bytes) -> tuple[tuple[bytes, bytes], bytes | None]:
    """
    Cut the range's value out of a head.

    @return: what is before and behind it, and the value.  Without a range nothing is behind, which
        no head with a range has.
    """
    found = _RANGE.search(data)
    if found is None:
        return (data, b""), None
    start, end = found.span(1)
    return (data[:start], data[end:]), found[1]


def _parts(path: bytes) -> tuple[bytes, ...]:
    """The parts of a path, percent-decoded."""
    if not path.startswith(b"/"):  # it is a whole URI (RFC 9112, section 3.2.2)
        path = b"".join(path.split(b"/", 3)[3:])
    # Who puts a path behind a base that ends with a slash has two of them.
    return tuple(unquote_to_bytes(part) for part in path.lstrip(b"/").split(b"/"))


def _text(sent: bytes) -> str:
    """What a client sent, as text: C{U+FFFD} where it is no UTF-8."""
    return sent.decode("utf-8", "replace")
