"""A real HTTP server on a free port of the loopback, and requests to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Port
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.logs.requests import Fact, RequestEvents
from httpd.web.resource import Resource
from httpd.web.routes import GET, UNNAMED, Route, Routes
from httpd.web.site import ServiceSite
from tests.transports import Wire


class AllReactor(IReactorCore, IReactorTCP, IReactorThreads, IReactorTime):
    """What the tests ask of the reactor that trial runs."""


reactor: AllReactor = _reactor  # type: ignore[assignment]


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        return self.body.decode()


class Collecting(Protocol):
    """
    Keeps all that a peer sends.

    @ivar begun: fires with the first bytes.
    @ivar closed: fires with all of them, when the connection is closed.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.begun: Deferred[None] = Deferred()
        self.closed: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if not self.begun.called:
            self.begun.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(bytes(self.received))


class Observations:
    """A request observer that remembers."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[tuple[str, str, int, int]] = []
        self.stalled = 0

    def request_started(self, route: str) -> None:
        self.started.append(route)

    def request_ended(
        self, route: str, method: str, status: int, size: int, seconds: float
    ) -> None:
        self.ended.append((route, method, status, size))

    def client_stalled(self) -> None:
        self.stalled += 1


CLEAR = Wire()


def listen(
    case: TestCase, site: ServiceSite, wire: Wire = CLEAR, interface: str = "127.0.0.1"
) -> int:
    """Serve C{site} over C{wire} until the test ends; its port."""
    port = reactor.listenTCP(0, site, interface=interface)  # type: ignore[arg-type]
    assert isinstance(port, Port)
    setattr(port, "transport", wire.transport)  # noqa: B010
    case.addCleanup(port.stopListening)
    return int(port.getHost().port)


class Everywhere(Routes):
    """One resource at every path."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(())
        self._route = Route("/", GET, resource, label=UNNAMED)

    def find(self, parts: Sequence[str]) -> tuple[Route, Sequence[str]]:
        return self._route, parts


def site_of(
    root: Resource | Routes,
    observer: Observations | None = None,
    *,
    clock: IReactorTime = reactor,
    connections: Connections | None = None,
    times: Times | None = None,
) -> ServiceSite:
    return ServiceSite(
        root if isinstance(root, Routes) else Everywhere(root),
        clock,
        observer or Observations(),
        Connections(1000) if connections is None else connections,
        times or Times(),
        RequestEvents(),
    )


async def exchange(port: int, sent: bytes, wire: Wire = CLEAR) -> bytes:
    """Send bytes on a connection of their own; all that comes back until it is closed."""
    protocol: Collecting = await connectProtocol(wire.endpoint(port), Collecting())
    assert protocol.transport is not None
    protocol.transport.write(sent)
    return await protocol.closed


async def ask(
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    version: str = "1.1",
    wire: Wire = CLEAR,
) -> Answer:
    """One request on a connection of its own."""
    fields = {"Connection": "close", "Host": f"127.0.0.1:{port}", **(headers or {})}
    return parsed(await exchange(port, head_of(path, fields, method, version), wire))


async def begin(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    """The first bytes of an answer, on a connection that might go on, and is closed then."""
    protocol: Collecting = await connectProtocol(CLEAR.endpoint(port), Collecting())
    assert protocol.transport is not None
    protocol.transport.write(head_of(path, {"Host": "any", **headers}))
    await protocol.begun
    protocol.transport.loseConnection()
    return await protocol.closed


def head_of(
    path: str, fields: Mapping[str, str], method: str = "GET", version: str = "1.1"
) -> bytes:
    """The bytes of a request without a body."""
    lines = [f"{method} {path} HTTP/{version}", *(f"{one}: {fields[one]}" for one in fields)]
    return "\r\n".join([*lines, "", ""]).encode()


def parsed(response: bytes) -> Answer:
    """Read a response whose body ends with the connection."""
    head, _, body = response.partition(b"\r\n\r\n")
    status_line, *fields = head.decode("iso-8859-1").split("\r\n")
    headers = Headers()
    for field in fields:
        name, _, value = field.partition(": ")
        headers.addRawHeader(name, value)
    return Answer(int(status_line.split(" ")[1]), headers, body)


class Lines:
    """The lines of requests, without the one thing in them that is never the same."""

    def __init__(self) -> None:
        self.written: list[dict[str, Fact]] = []
        self.levels: list[str] = []

    def write_request(self, facts: Mapping[str, Fact], level: str = "info") -> None:
        self.levels.append(level)
        self.written.append({**facts, "request_id": ""})
