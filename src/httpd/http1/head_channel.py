"""
How the heads of messages come and go on a connection: in one piece, where they can.

A request's head is read by Twisted's parser, line by line, unless it is known already.  That of a
response is sent with the beginning of its body.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.interfaces import ITCPTransport
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from httpd.http1.connections import Connections
from httpd.http1.heads import Head, KnownHeads


class HeadSite(Protocol):
    """What a connection needs of its factory to read heads."""

    heads: KnownHeads
    connections: Connections


class ResponseHeaders(Headers):
    """
    The header fields of a response.

    @ivar prepared: some of them as they are sent, each with its line's end: made once for many
        responses.
    """

    __slots__ = ("prepared",)
    prepared: bytes

    def __init__(self, prepared: bytes = b"") -> None:
        super().__init__()
        self.prepared = prepared


class HeadChannel(HTTPChannel):
    """
    An HTTP/1 connection that has no head parsed that it knows.

    Which way a head goes cannot be seen from outside.  Only such heads are kept as Twisted's parser
    has accepted, that came whole and by themselves, that have no body and wait for no C{100}, and
    behind which the connection stays open.
    """

    site: HeadSite
    transport: ITCPTransport
    requests: list[Any]
    _whole = b""
    """What has come since the last request, while it may be a whole head."""
    _response_head = b""

    def dataReceived(self, data: bytes) -> None:
        """Have this parsed, unless it is a whole head that is known."""
        begun = self.requests or self._buffer or self._busyReceiving
        if self.line_mode and not begun:
            # While the service goes down, no connection stays open after a request.
            known = None if self.site.connections.draining else self.site.heads.find(data)
            if known is not None:
                self._begin_with(*known)
                return
            self._whole = data
        else:
            self._whole = b""
        self.parse(data)

    def parse(self, data: bytes) -> None:
        """Have Twisted read what is not known."""
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Give the request its head, and keep that if it may come again."""
        request = self.requests[-1]
        head = Head.of(self._command, self._path, self._version, request.requestHeaders)
        request.set_head(head)
        super().allHeadersReceived()
        if self._may_come_again(head):
            self.site.heads.keep(self._whole, head)
        self._whole = b""  # what follows in the same piece is another head

    def writeHeaders(  # noqa: N802
        self, version: bytes, code: bytes, reason: bytes, headers: ResponseHeaders
    ) -> None:
        """Have the status line and all fields sent, in one piece with the beginning of the body."""
        lines = [b"%b %b %b\r\n" % (version, code, reason), headers.prepared]
        for name, values in headers.getAllRawHeaders():
            lines += [b"%b: %b\r\n" % (name, value) for value in values]
        lines.append(b"\r\n")
        self._response_head = b"".join(lines)

    def write(self, data: bytes) -> None:
        """Send some of a body, or what a transport takes in its place."""
        self.writeSequence((data,))

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces of a body, after the head."""
        if self._response_head:
            iovec = (self._response_head, *iovec)
            self._response_head = b""
        self.transport.writeSequence(iovec)

    def finish_head(self) -> None:
        """Send the head of a response that has no body."""
        if self._response_head:
            self.write(b"")

    def _begin_with(self, head: Head, plain_range: bytes | None) -> None:
        """Do what Twisted does when it has read the last line of a head."""
        request: Any = self.requestFactory(self, False)
        request.set_head(head, plain_range)
        self.requests.append(request)
        self._command, self._path, self._version = head.method, head.target, head.version
        self.allContentReceived()

    def _may_come_again(self, head: Head) -> bool:
        return (
            # Twisted takes an empty line before a request, but not a second one.
            bool(self._whole and not self._whole.startswith(b"\r\n"))
            and not self._buffer
            and bool(self.persistent)
            and self._transferDecoder is None
            and "expect" not in head.fields
        )
