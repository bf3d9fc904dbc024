"""The HTTP server: makes connections, and gives them what they and their requests need."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.http import datetimeToString
from twisted.web.server import version

from httpd.forwarding import TrustedProxies
from httpd.http1.channel import DeadlineChannel, Times
from httpd.http1.connections import Connections
from httpd.http1.heads import KnownHeads
from httpd.logs.requests import RequestLog
from httpd.web.problems import PLAIN, PROBLEM_JSON
from httpd.web.request import ServiceRequest
from httpd.web.request_site import RequestObserver
from httpd.web.routes import Route, Routes


class Serving(Protocol):
    """What all sites of a service have in common."""

    @property
    def clock(self) -> IReactorTime:
        """For deadlines and durations."""

    @property
    def metrics(self) -> RequestObserver:
        """Is told of requests and clients."""

    @property
    def connections(self) -> Connections:
        """Those that are open."""

    @property
    def times(self) -> Times:
        """How long a client may take."""

    @property
    def request_log(self) -> RequestLog:
        """Where the requests' lines go."""

    @property
    def trusted_proxies(self) -> TrustedProxies:
        """Whose word counts about who has sent a request."""


class ServiceSite(ServerFactory[DeadlineChannel]):
    """
    The factory of connections.

    Not Twisted's own: that brings sessions, an access log and a tree of resources.  HTTP/1.1 alone:
    HTTP/2 ran at a quarter of its speed.

    @ivar routes: who answers which requests.
    @ivar clock: for deadlines and durations; dates are by the time of day.
    @ivar observer: is told of requests and clients.
    @ivar connections: those that are open, of this and of other sites.
    @ivar times: how long a client may take.
    @ivar request_log: where the requests' lines go.
    @ivar heads: of requests that came to this site.
    @ivar now: the Unix time.
    @cvar most_body_bytes: bytes that a request's body may have; C{None}: nothing here takes one.
    @cvar trusted_proxies: whose word counts about who has sent a request; by default nobody's.
    @cvar problem_types: media types of refusals, the usual one first.
    """

    most_body_bytes: int | None = None
    trusted_proxies = TrustedProxies()
    problem_types: Sequence[str] = (PLAIN, PROBLEM_JSON)

    def __init__(
        self,
        routes: Routes,
        clock: IReactorTime,
        observer: RequestObserver,
        connections: Connections,
        times: Times,
        request_log: RequestLog,
    ) -> None:
        self.routes = routes
        self.clock = clock
        self.observer = observer
        self.connections = connections
        self.times = times
        self.request_log = request_log
        self.heads = KnownHeads()
        self.now: Callable[[], float] = time.time
        self._greeting = -1, b""

    @classmethod
    def of(cls, serving: Serving, table: Iterable[Route]) -> ServiceSite:
        """A site of a service, with these routes."""
        site = cls(
            Routes(table),
            serving.clock,
            serving.metrics,
            serving.connections,
            serving.times,
            serving.request_log,
        )
        site.trusted_proxies = serving.trusted_proxies
        return site

    def buildProtocol(self, addr: IAddress | None) -> DeadlineChannel:
        """Make the protocol of a new connection."""
        channel = DeadlineChannel()
        channel.factory = channel.site = self
        channel.requestFactory = ServiceRequest  # type: ignore[assignment]
        return channel

    def greeting(self) -> bytes:
        """The header fields that every response has, made once a second."""
        second = int(self.now())
        if second != self._greeting[0]:
            fields = b"Server: %b\r\nDate: %b\r\n" % (version, datetimeToString(second))
            self._greeting = second, fields
        return self._greeting[1]

    def log(self, request: object) -> None:
        """Write no access log: L{ServiceRequest} writes a line that shows no token."""
