"""What a client has sent: the receiving half of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, AnyStr

from twisted.web.http import Request
from twisted.web.http_headers import Headers

from httpd.http1.channel import DeadlineChannel
from httpd.http1.heads import Head
from httpd.web.request_site import RequestSite

MAX_REQUEST_BODY = 16 * 1024
"""Bytes of a request's body that are read and thrown away where nothing takes one."""


class ReceivedRequest(Request):
    """
    One request as it comes in, with limits.

    Twisted's basic request and not the one of its server: that brings sessions, encodings and an
    error page for each request, which nothing here has a use for.

    @ivar fields: the value of each header field, as text, by its name in small letters; as
        L{Head.fields}.
    @ivar head: what it says, once it has been received.
    @ivar path_values: what stands in the path for the parameters of its route, decoded, in order.
    @ivar site: what it needs of its server.
    """

    channel: DeadlineChannel
    method = b"-"
    clientproto = b"HTTP/1.1"
    head: Head | None = None
    fields: Mapping[str, str] = MappingProxyType({})
    path_values: Sequence[str] = ()
    _body: bytearray | None = None
    _body_size = 0

    def __init__(self, channel: Any, queued: object = False) -> None:
        """
        @param channel: a L{DeadlineChannel} of a L{RequestSite}.
        """
        super().__init__(channel, queued)
        self.site: RequestSite = channel.site
        self._peer: str = channel.peer_address

    def set_head(self, head: Head, plain_range: bytes | None = None) -> None:
        """
        Say which head this request has.

        @param plain_range: the value that its range field has here, where the head is an earlier
            request's, too.
        """
        self.head, self._plain_range = head, plain_range
        self.fields = head.fields_with(plain_range)
        self.method, self.uri, self.clientproto = head.method, head.target, head.version
        self.path, self.args = head.path, head.args

    @property
    def requestHeaders(self) -> Headers:  # noqa: N802
        """All fields; Twisted's parser adds to them until there is a head."""
        if self.head is None:
            return self._read_so_far
        return self.head.headers_with(self._plain_range)

    @requestHeaders.setter
    def requestHeaders(self, headers: Headers) -> None:  # noqa: N802
        self._read_so_far = headers

    def parseCookies(self) -> None:  # noqa: N802
        """Nothing here knows a cookie."""

    def gotLength(self, length: int | None) -> None:
        """Refuse a large body before it is read (called when the headers are complete)."""
        self._require_room(length or 0)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a body where one is wanted, and refuse one that turns out to be large."""
        self._body_size += len(data)
        self._require_room(self._body_size)
        if self.site.most_body_bytes is not None and not self.finished:
            if self._body is None:
                self._body = bytearray()
            self._body += data

    @property
    def body(self) -> bytes:
        """The body that was sent; empty where the site takes none."""
        return bytes(self._body or b"")

    @property
    def path_parts(self) -> tuple[str, ...]:
        """The parts of the path, decoded."""
        assert self.head is not None, "it has been received"
        return self.head.names

    def getHeader(self, key: AnyStr) -> AnyStr | None:  # noqa: N802
        """The value of a field, if it was sent; as text where C{key} is text."""
        if isinstance(key, str):
            return self.fields.get(key.lower())
        values = self.requestHeaders.getRawHeaders(key)
        return None if values is None else b", ".join(values)

    @property
    def client_address(self) -> str:
        """Whom it comes from: the connection's other end, or as trusted proxies say."""
        peer, proxies = self._peer, self.site.trusted_proxies
        return proxies.client(peer, self.fields.get("x-forwarded-for")) if proxies else peer

    @property
    def scheme(self) -> str:
        """C{http} or C{https}: the connection's, or as trusted proxies say."""
        own = "https" if self.isSecure() else "http"
        said = self.fields.get("x-forwarded-proto")
        return self.site.trusted_proxies.scheme(self._peer, own, said)

    def _require_room(self, length: int) -> None:
        """Cut the request short where its body is too large: what is being sent is not read."""
        most = self.site.most_body_bytes
        if self.finished or length <= (MAX_REQUEST_BODY if most is None else most):
            return
        if most is None:
            self.channel.refuse(413, "requests to this service have no body")
        else:
            self.channel.refuse(413, f"the body is too large; expected at most {most} bytes")
