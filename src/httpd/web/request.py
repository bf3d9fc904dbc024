"""
Requests with limits, one line of log and one observation for each.

Knows nothing of images: what a request is about arrives as its C{route} and C{facts}.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import AnyStr, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource, getChildForRequest

from httpd.http1.channel import ClientObserver, DeadlineChannel
from httpd.http1.head_channel import ResponseHeaders
from httpd.http1.heads import Head
from httpd.logs.requests import RequestLog
from httpd.web.problems import Problem, write_problem

MAX_REQUEST_BODY = 16 * 1024
"""Bytes of a request's body that are read and thrown away; nothing here takes a body."""


_identifiers = random.Random()  # noqa: S311  they are no secrets
_log = Logger()


class RequestObserver(ClientObserver, Protocol):
    """Is told of the requests; L{assisted_images.routes.metrics.Metrics} is one."""

    def request_started(self, route: str) -> None:
        """Note that a request to C{route} is being answered."""

    def request_ended(
        self, route: str, method: str, status: int, size: int, seconds: float
    ) -> None:
        """Note that it is over; C{size} is bytes of body sent."""


class RequestSite(Protocol):
    """What a request needs of its server."""

    clock: IReactorTime
    resource: IResource
    request_log: RequestLog

    @property
    def observer(self) -> RequestObserver:
        """Is told of the requests."""

    def greeting(self) -> bytes:
        """The header fields that every response has, as they are sent."""


class ServiceRequest(Request):
    """
    One request, with limits, and with a repr that shows no token.

    Twisted's basic request and not the one of its server: that brings sessions, encodings and an
    error page for each request, which nothing here has a use for.

    @ivar identifier: names the request in the log.
    @ivar fields: the last value of each header field, as text, by its name in small letters.
    @ivar head: what it says, once it has been received.
    @ivar route: the pattern of the route, such as C{/images/:imageID}: the only form in which a
        path reaches the log or a metric.  Empty until L{observe_as}.
    @ivar facts: further fields of the log line.
    @ivar answer: what is under way to answer it; ends when the client leaves.
    @ivar refused: whether it was cut short for its body.
    """

    channel: DeadlineChannel
    site: RequestSite
    responseHeaders: ResponseHeaders  # noqa: N815
    prepath: list[bytes]
    postpath: list[bytes]
    head: Head | None = None
    fields: Mapping[str, str]
    route = ""
    answer: Deferred[None] | None = None
    refused = False
    _started: float | None = None
    _body_size = 0

    def __init__(self, channel: HTTPChannel, queued: object = False) -> None:
        super().__init__(channel, queued)
        self.responseHeaders = ResponseHeaders()
        self.identifier = f"{_identifiers.getrandbits(128):032x}"
        self.facts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<ServiceRequest {self.identifier} {self.route or '-'}>"

    def set_head(self, head: Head, plain_range: bytes | None = None) -> None:
        """
        Say which head this request has.

        @param plain_range: the value that its range field has here, where the head is an earlier
            request's, too.
        """
        self.head, self._plain_range = head, plain_range
        self.fields = head.fields_with(plain_range)

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
        if length is not None and length > MAX_REQUEST_BODY:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        """Throw a small body away, and refuse one that turns out to be large."""
        self._body_size += len(data)
        if self._body_size > MAX_REQUEST_BODY:
            self._refuse_body()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Answer the request, which is complete."""
        assert self.head is not None, "it has been set"
        self.method, self.uri, self.clientproto = command, path, version
        self.path, self.args = self.head.path, self.head.args
        self.prepath, self.postpath = [], [*self.head.parts]
        self.process()

    def process(self) -> None:
        """Answer the request."""
        self.site = cast("RequestSite", self.channel.site)
        self._started = self.site.clock.seconds()
        self.describe(self.site.greeting())
        try:
            if self.path == b"*":
                self._answer_for_all()
            else:
                getChildForRequest(self.site.resource, self).render(self)
        except Exception:
            self.processingFailed(Failure())

    def describe(self, fields: bytes) -> None:
        """
        Add header fields to the response.

        @param fields: as they are sent, each with its line's end.
        """
        self.responseHeaders.prepared += fields

    def withdraw(self) -> None:
        """Take back what was described: something else is going to be answered."""
        self.responseHeaders.prepared = self.site.greeting()

    def write(self, data: bytes) -> None:
        """
        Send some of the body, after the head.

        The head has said how long the body is: nothing here is sent in chunks, and whoever answers
        C{HEAD} writes nothing.
        """
        if self._disconnected:
            return
        if not self.startedWriting:
            self.startedWriting = 1
            self.channel.writeHeaders(
                self.clientproto, b"%d" % self.code, self.code_message, self.responseHeaders
            )
        length = len(data)
        if length:
            self.sentLength += length
            self.channel.write(data)

    def finish(self) -> None:
        """Take note that the answer is whole."""
        super().finish()
        self._over(aborted=False)

    def connectionLost(self, reason: Failure) -> None:
        """Take note that the client has left, or was cut off, before it was sent everything."""
        waiting: int = getattr(self.channel.transport, "waiting", 0)
        self.sentLength = max(0, self.sentLength - waiting)
        super().connectionLost(reason)
        if self.answer is not None:
            self.answer.cancel()
        self._over(aborted=True)

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 for a fault in our own code, in the words of every other problem."""
        _log.failure("request {request_id} failed", reason, request_id=self.identifier)
        write_problem(self, Problem(500, "the service failed to answer; its log says why"))
        return reason

    def observe_as(self, route: str) -> None:
        """Say which route this is, once; L{facts} may be added until the end."""
        self.route = route
        self.site.observer.request_started(route)

    @property
    def path_below(self) -> tuple[str, ...]:
        """The parts of the path below the resource that was found, decoded."""
        assert self.head is not None, "it has been found by its head"
        return self.head.names[len(self.prepath) :]

    def getHeader(self, key: AnyStr) -> AnyStr | None:  # noqa: N802
        """The last value of a field, if it was sent; as text where C{key} is text."""
        if isinstance(key, str):
            return self.fields.get(key.lower())
        return super().getHeader(key)

    def abort(self) -> None:
        """Cut the connection: the answer has begun and cannot go on."""
        self.channel.abort()

    def _answer_for_all(self) -> None:
        """C{OPTIONS *} is about the server, and no more than a question whether it is there."""
        if self.method == b"OPTIONS":
            self.setHeader("content-length", "0")
            self.finish()
        else:
            write_problem(self, Problem(405, "nothing but OPTIONS is for *", {"Allow": "OPTIONS"}))

    def _over(self, *, aborted: bool) -> None:
        if self._started is None:
            return  # it has not been complete
        seconds = self.site.clock.seconds() - self._started
        method = self.method.decode("ascii", "replace")
        if self.route:
            self.site.observer.request_ended(
                self.route, method, self.code, self.sentLength, seconds
            )
        self.site.request_log.write_request(
            {
                "request_id": self.identifier,
                "method": method,
                "route": self.route or "-",
                "range": self.fields.get("range"),
                "status": self.code,
                "bytes": self.sentLength,
                "seconds": round(seconds, 6),
                "aborted": aborted,
                "user_agent": self.fields.get("user-agent"),
                **self.facts,
            }
        )

    def _refuse_body(self) -> None:
        """Cut the request short: what the client is sending will not be read."""
        if self.refused:
            return
        self.refused = True
        self.channel.refuse(b"413 Content Too Large", b"requests to this service have no body")
