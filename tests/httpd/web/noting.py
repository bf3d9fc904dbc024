"""A site of which a test sees everything: what is asked, what is answered, and who is cut off."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from httpd.http1.channel import DeadlineChannel
from httpd.http1.connections import Connections
from httpd.http1.heads import Head, KnownHeads
from httpd.web.request import ServiceRequest
from httpd.web.routes import Routes
from tests.httpd.web.serving import Lines, Observations, site_of

_NAMES = "host", "Range", "user-agent", "connection", "x-none"


class CountingHeads(KnownHeads):
    """Counts the heads that were known."""

    found = 0

    def find(self, data: bytes) -> tuple[Head, bytes | None] | None:
        known = super().find(data)
        self.found += known is not None
        return known


class Noting(Routes):
    """
    Notes all that requests say, and answers at once; but where the path says C{later}, when the
    test does.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.seen: list[tuple[object, ...]] = []
        self.waiting: list[ServiceRequest] = []

    def answer(self, request: ServiceRequest) -> None:
        request.observe_as("/noting")
        said = request.method, request.uri, request.clientproto, request.path, request.args
        fields = [request.getHeader(name) for name in _NAMES]
        raw = [request.getHeader(name.encode()) for name in _NAMES]
        everything = dict(request.requestHeaders.getAllRawHeaders())
        self.seen.append((*said, request.path_parts, fields, raw, everything))
        self.waiting.append(request)
        if request.path != b"/later":
            self.answer_last()

    def answer_last(self) -> None:
        """Answer the last request, if one waits."""
        if self.waiting:
            request = self.waiting.pop()
            request.finish_with(request.uri + b"\n", "text/plain")


class Conversation:
    """One client after the other of one site, and the time that they take."""

    channel: DeadlineChannel
    transport: StringTransport

    def __init__(self, heads: KnownHeads | None = None) -> None:
        self.clock = Clock()
        self.heads = CountingHeads()
        self.noting, self.observed = Noting(), Observations()
        self.connections = Connections(10)
        self.site = site_of(
            self.noting,
            self.observed,
            clock=self.clock,
            connections=self.connections,
        )
        self.site.now = self.clock.seconds
        self.site.heads = self.heads if heads is None else heads
        self.lines = self.site.request_log = Lines()
        self.connect()

    def connect(self) -> None:
        """Another client, on a connection of its own."""
        channel = self.site.buildProtocol(None)
        assert isinstance(channel, DeadlineChannel)
        self.channel, self.transport = channel, StringTransport(lenient=True)
        self.channel.makeConnection(self.transport)

    def leave(self) -> None:
        """The client closes, and another one comes."""
        self.channel.connectionLost()
        self.noting.waiting.clear()
        self.connect()

    def send(self, data: bytes) -> None:
        """The client sends something; another one where its connection is being closed."""
        if self.transport.disconnecting or self.transport.disconnected:
            self.leave()
        self.channel.dataReceived(data)

    def take_nothing(self) -> None:
        """The client reads nothing more."""
        self.channel.pauseProducing()

    def take_all(self) -> None:
        """The client reads again."""
        self.channel.resumeProducing()

    def drain(self) -> None:
        """The service goes down."""
        self.connections.drain()

    def answer(self) -> None:
        """What has waited is answered."""
        self.noting.answer_last()

    def pass_by(self) -> None:
        """Time, for any timer."""
        for _ in range(120):
            self.clock.advance(1)

    @property
    def answered(self) -> bytes:
        """All that this client was sent."""
        return bytes(self.transport.value())

    @property
    def state(self) -> tuple[object, ...]:
        """Everything that can be seen from outside."""
        return (
            self.answered,
            self.transport.disconnecting,
            self.transport.disconnected,
            self.transport.producerState,
            self.noting.seen,
            self.observed.started,
            self.observed.ended,
            self.lines.written,
            self.connections.answering,
            len(self.connections),
            self.channel.delivered,
        )
