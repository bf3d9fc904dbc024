"""The HTTP server: makes connections, and gives them what they and their requests need."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site, version

from httpd.http1.channel import DeadlineChannel, Times
from httpd.http1.connections import Connections
from httpd.http1.heads import KnownHeads
from httpd.logs.requests import RequestLog
from httpd.web.request import RequestObserver, ServiceRequest


class ServiceSite(Site):
    """
    The factory of connections.

    @ivar clock: for deadlines and durations.
    @ivar times: how long a client may take.
    @ivar connections: those that are open, of this and of other sites.
    @ivar request_log: where the requests' lines go.
    @ivar heads: of requests that came to this site.
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
        request_log: RequestLog,
    ) -> None:
        # Twisted's own timeout is off: the channel has better ones.
        super().__init__(root, requestFactory=ServiceRequest, timeout=None, reactor=clock)
        self.clock = clock
        self.observer = observer
        self.connections = connections
        self.times = times
        self.request_log = request_log
        self.heads = KnownHeads()
        self._greeting = -1, b""

    def greeting(self) -> bytes:
        """The header fields that every response has, made once a second."""
        second = int(self.clock.seconds())
        if second != self._greeting[0]:
            fields = b"Server: %b\r\nDate: %b\r\n" % (version, datetimeToString(second))
            self._greeting = second, fields
        return self._greeting[1]

    def log(self, request: object) -> None:
        """Write no access log: L{ServiceRequest} writes a line that shows no token."""
