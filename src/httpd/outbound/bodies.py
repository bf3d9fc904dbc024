"""
Responses: fields of their headers; their bodies read whole up to a limit, or given up at once.

Unlike C{treq.content}, reading is bounded, and cancelling it closes the connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse

from httpd.representation.byteranges import ContentRange, parse_content_range
from httpd.representation.preconditions import parse_http_date


class BodyTooLarge(Exception):
    """A response body is larger than what was allowed for it."""


def abort(transport: ITransport | None) -> None:
    """
    Close a response's connection without waiting for the peer.

    Body protocols get a proxy of the transport that can only close politely, which on TLS waits
    for the peer's answer without limit (twisted#7926); so look behind the proxy.
    """
    behind = getattr(transport, "_producer", None) or transport
    close: Callable[[], None] | None = getattr(
        behind, "abortConnection", getattr(transport, "loseConnection", None)
    )
    if close is not None:
        close()


def ended_well(reason: Failure) -> bool:
    """
    Whether a body that ended for C{reason} is all there, as far as HTTP can tell: a body without a
    length ends with its connection (RFC 9112, section 6.3).
    """
    return reason.check(ResponseDone, PotentialDataLoss) is not None


class _Discard(Protocol):
    def connectionMade(self) -> None:
        abort(self.transport)


def discard(response: IResponse) -> None:
    """Give up on a response: its body is not wanted, and its connection is closed."""
    response.deliverBody(_Discard())


class _Collector(Protocol):
    def __init__(self, limit: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: abort(self.transport))
        self._pieces: list[bytes] = []
        self._room = limit

    def dataReceived(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room >= 0:
            self._pieces.append(data)
        elif not self.done.called:
            self._pieces.clear()
            self.done.errback(BodyTooLarge())
            abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if ended_well(reason):
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(reason)


def read_body(response: IResponse, limit: int) -> Deferred[bytes]:
    """
    The whole body, when it is not larger than C{limit} bytes.

    @return: fails with L{BodyTooLarge}, or with Twisted's C{ResponseFailed} when the connection
        breaks.  Cancelling it closes the connection.
    """
    collector = _Collector(limit)
    if response.length is not UNKNOWN_LENGTH and response.length > limit:
        collector.done.errback(BodyTooLarge())
        discard(response)
    else:
        response.deliverBody(collector)
    return collector.done


def field_texts(headers: Headers, name: bytes) -> list[str]:
    """The values of a field; what is no UTF-8 in them, which no sound value has, is replaced."""
    return [value.decode("utf-8", "replace") for value in headers.getRawHeaders(name, [])]


def http_date(headers: Headers, name: bytes) -> float | None:
    """A date in C{headers}, in seconds since the epoch; None when it is absent or malformed."""
    date = parse_http_date(next(iter(field_texts(headers, name)), None))
    return None if date is None else float(date)


def content_range(headers: Headers) -> ContentRange | None:
    """What C{Content-Range} says; L{None} when it is absent or malformed."""
    values = field_texts(headers, b"content-range")
    return parse_content_range(values[0]) if values else None


def retry_after(response: IResponse) -> float:
    """
    Seconds for which the server wants to be left alone (RFC 9110, section 10.2.3): what it says in
    a 429 or 503; 0 where it says nothing that can be read.
    """
    if response.code not in {429, 503}:
        return 0.0
    text = next(iter(field_texts(response.headers, b"retry-after")), "")
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until, now = http_date(response.headers, b"retry-after"), http_date(response.headers, b"date")
    return 0.0 if until is None or now is None else max(0.0, until - now)
