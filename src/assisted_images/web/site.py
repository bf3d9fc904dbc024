"""
The HTTP server: requests with limits, one line of log and one observation for each.

Knows nothing of images: what a request is about arrives as its C{route} and C{facts}.
"""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from assisted_images.web.channel import DeadlineChannel, Times
from assisted_images.web.connections import Connections
from assisted_images.web.problems import Problem, write_problem

MAX_REQUEST_BODY = 16 * 1024
"""Bytes of a request's body that are read and thrown away; nothing here takes a body."""


_MAX_REFUSED_BODY = 1024 * 1024
"""Bytes that a client may send after all before it is cut; TLS reads on until the client closes."""


class RequestObserver(Protocol):
    """Is told of the requests; L{assisted_images.web.metrics.Metrics} is one."""

    def request_started(self, route: str) -> None:
        """Note that a request to C{route} is being answered."""

    def request_ended(
        self, route: str, method: str, status: int, size: int, seconds: float
    ) -> None:
        """Note that it is over; C{size} is bytes of body sent."""


class ServiceRequest(Request):
    """
    One request, with limits, and with a repr that shows no token.

    @ivar identifier: names the request in the log.
    @ivar route: the pattern of the route, such as C{/images/:imageID}: the only form in which a
        path reaches the log or a metric.  Empty until L{observe_as}.
    @ivar facts: further fields of the log line.
    @ivar refused: whether it was cut short for its body.
    """

    log = Logger()
    channel: DeadlineChannel
    site: ServiceSite

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.identifier = uuid.uuid4().hex
        self.route = ""
        self.facts: dict[str, str] = {}
        self.refused = False
        self._body_size = 0

    def __repr__(self) -> str:
        return f"<ServiceRequest {self.identifier} {self.route or '-'}>"

    def gotLength(self, length: int | None) -> None:
        """Refuse a large body before it is read (called when the headers are complete)."""
        super().gotLength(length)
        if length is not None and length > MAX_REQUEST_BODY:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        """Throw a small body away, and refuse one that turns out to be large."""
        self._body_size += len(data)
        if self._body_size > MAX_REQUEST_BODY:
            self._refuse_body()
        if self._body_size > _MAX_REFUSED_BODY:
            self.abort()

    def process(self) -> None:
        """Answer the request, and take note of its end, whatever that is."""
        started = self.channel.site.clock.seconds()
        self.notifyFinish().addBoth(self._ended, started)
        super().process()

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 for a fault in our own code, in the words of every other problem."""
        self.log.failure("request {request_id} failed", reason, request_id=self.identifier)
        write_problem(self, Problem(500, "the service failed to answer; its log says why"))
        return reason

    def observe_as(self, route: str) -> None:
        """Say which route this is, once; L{facts} may be added until the end."""
        self.route = route
        self.site.observer.request_started(route)

    @property
    def path_below(self) -> list[str]:
        """The parts of the path below the resource that was found, decoded."""
        return [part.decode("utf-8", "replace") for part in self.postpath or ()]

    def abort(self) -> None:
        """Cut the connection: the answer has begun and cannot go on."""
        self.channel.abort()

    def _ended(self, outcome: Failure | None, started: float) -> None:
        seconds = self.site.clock.seconds() - started
        method = self.method.decode("ascii", "replace")
        if self.route:
            self.site.observer.request_ended(
                self.route, method, self.code, self.sentLength, seconds
            )
        self.log.info(
            "{method} {route} {status} {bytes} bytes in {seconds:.3f} s",
            request_id=self.identifier,
            method=method,
            route=self.route or "-",
            range=self.getHeader("range"),
            status=self.code,
            bytes=self.sentLength,
            seconds=round(seconds, 6),
            aborted=outcome is not None,
            user_agent=self.getHeader("user-agent"),
            **self.facts,
        )

    def _refuse_body(self) -> None:
        """Cut the request short: what the client is sending will not be read."""
        if self.refused:
            return
        self.refused = True
        detail = b"requests to this service have no body\n"
        self.channel.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(detail), detail)
        )
        self.channel.loseConnection()


class ServiceSite(Site):
    """
    The factory of connections.

    @ivar clock: for deadlines and durations.
    @ivar times: how long a client may take.
    @ivar connections: those that are open, of this and of other sites.
    """

    displayTracebacks = False
    # HTTP/1.1 alone: HTTP/2 ran at a quarter of its speed.
    protocol = DeadlineChannel  # type: ignore[assignment]

    def __init__(
        self,
        root: IResource,
        clock: IReactorTime,
        observer: RequestObserver,
        connections: Connections,
        times: Times,
    ) -> None:
        # Twisted's own timeout is off: the channel has better ones.
        super().__init__(root, requestFactory=ServiceRequest, timeout=None, reactor=clock)
        self.clock = clock
        self.observer = observer
        self.connections = connections
        self.times = times

    def log(self, request: object) -> None:
        """Write no access log: L{ServiceRequest} writes a line that shows no token."""
