"""
How the heads of messages come and go on a connection: in one piece, where they can.

A request's head is read by Twisted's parser, line by line, unless it is known already.  That of a
response is sent with the beginning of its body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.interfaces import ITCPTransport
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from httpd.http1.connections import Connections
from httpd.http1.heads import Head, KnownHeads

_VERSIONS = (b" HTTP/1.1", b" HTTP/1.0")
"""How the first line of a request ends that Twisted's parser reads."""

_OTHER_VERSION = re.compile(rb"(.*) HTTP/([0-9])\.[0-9]")

_CODING = re.compile(rb"transfer-encoding:[ \t]*+(?!chunked[ \t]*\Z)", re.IGNORECASE)
"""What begins as a coding of a request's body that is not understood (RFC 9112, section 6.1)."""


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
    maxHeaders = HTTPChannel.totalHeadersSize  # noqa: N815  there is one limit: the bytes of all
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
        """Have Twisted read what is not known; it would wait for the CR of lines without one."""
        super().dataReceived(data)
        if self._buffer and self.line_mode and not self._busyReceiving and b"\n" in self._buffer:
            self.refuse(400, "a line of the request ends with LF alone; expected CR LF")

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Read a later HTTP/1 as HTTP/1.1 (RFC 9110, section 2.5), and no other version."""
        if not (self._receivedHeaderSize or line.endswith(_VERSIONS)):
            other = _OTHER_VERSION.fullmatch(line)
            if other is not None and other[2] != b"1":
                self.refuse(505, "this service speaks HTTP/1.1 and HTTP/1.0")
                return
            if other is not None:
                line = other[1] + b" HTTP/1.1"
        super().lineReceived(line)

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Refuse a body in a coding that is not understood: nobody can tell where it ends."""
        if line[:1] in b"Tt" and _CODING.match(line):
            self.refuse(501, "the transfer coding is not understood; expected chunked")
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Give the request its head, and keep that if it may come again."""
        head = self.give_head()
        if not head.has_host:
            self.refuse(400, "the request has no valid Host field; expected exactly one")
            return
        super().allHeadersReceived()
        if self._may_come_again(head):
            self.site.heads.keep(self._whole, head)
        self._whole = b""  # what follows in the same piece is another head

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a request with a line longer than C{MAX_LENGTH}."""
        if self._receivedHeaderSize:
            self.refuse(431, "a header field is too long")
        else:
            self.refuse(414, "the request line is too long")

    @property
    def has_request_line(self) -> bool:
        """Whether the first line of the request that is being read has come, and makes sense."""
        return hasattr(self, "_command")

    def give_head(self) -> Head:
        """Give the request that is being read its head, as far as it has come."""
        request = self.requests[-1]
        head = Head.of(self._command, self._path, self._version, request.requestHeaders)
        request.set_head(head)
        return head

    def refuse(self, status: int, detail: str) -> None:
        """
        Have a request answered that is not read to its end, and close.

        @param detail: what is wrong; never a secret.
        """
        raise NotImplementedError

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

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        if self._receivedHeaderSize > self.totalHeadersSize:
            self.refuse(431, f"the head has more than {self.totalHeadersSize} bytes")
        else:
            self.refuse(400, "this is no HTTP/1.1 request")

    def _may_come_again(self, head: Head) -> bool:
        return (
            # Twisted takes an empty line before a request, but not a second one.
            bool(self._whole and not self._whole.startswith(b"\r\n"))
            and not self._buffer
            and bool(self.persistent)
            and self._transferDecoder is None
            and "expect" not in head.fields
        )
