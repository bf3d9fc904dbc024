"""Real servers on loopback that do what a test tells them, and note what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import trustme
from twisted.internet.defer import Deferred, DeferredList, DeferredQueue
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.iweb import IPolicyForHTTPS, IResponse
from zope.interface import implementer

from assisted_images.values import USER_AGENT
from httpd.outbound.agent import IOutboundAgent, OutboundAgent
from httpd.outbound.proxies import Proxies


def trial_reactor() -> Any:
    """The reactor that trial runs asynchronous tests on."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    return reactor


async def next_turn() -> None:
    """
    Wait until the reactor has dealt with the events that it has: a listener that is made before may
    get the number of a connection that was closed just now, and its events.
    """
    await deferLater(trial_reactor(), 0)


T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """One request, as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


Answer = Callable[[Received, ITCPTransport], None]


def response(
    status: str = "200 OK", body: bytes = b"", *, length: int | None = None, **headers: str
) -> bytes:
    """A whole response; C{etag="x"} and the like become header fields, C{_} meaning C{-}."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(data: bytes) -> Answer:
    """Answer every request with the same bytes."""
    return lambda received, transport: transport.write(data)


class _Connection(Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.lost: Deferred[None] = Deferred()
        self.buffer = b""
        self.tunnel: Callable[[bytes], None] | None = None

    def connectionMade(self) -> None:
        self.server.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel(data)
            return
        self.buffer += data
        while b"\r\n\r\n" in self.buffer and self.tunnel is None:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            method, target, _ = first.split(" ")
            fields = [line.split(": ", 1) for line in lines]
            headers = {name.lower(): value for name, value in fields}
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < length:
                self.buffer = head + b"\r\n\r\n" + self.buffer
                return
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            received = Received(method, target, headers, body)
            self.server.requests.append(received)
            transport: ITCPTransport = self.transport  # type: ignore[assignment]
            self.server.answer(received, transport)
            self.server.arrivals.put(received)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.connections.remove(self)
        self.lost.callback(None)


class Server(Factory):
    """
    An HTTP/1.1 server.

    @ivar requests: what it was asked, in order.
    @ivar arrivals: the same as a queue, to wait for the next.
    """

    noisy = False

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Received] = []
        self.arrivals: DeferredQueue[Received] = DeferredQueue()
        self.connections: list[_Connection] = []
        self.url = ""
        self.host = ""
        self.port = 0

    def buildProtocol(self, addr: IAddress | None) -> _Connection:
        return _Connection(self)

    def all_connections_lost(self) -> Deferred[Any]:
        return DeferredList([connection.lost for connection in self.connections])


class ServerTestCase(TestCase):
    """Tests that talk to real servers, all of which are gone afterwards."""

    timeout = 30

    def serve(
        self, answer: Answer, tls: trustme.LeafCert | None = None, address: str = "127.0.0.1"
    ) -> Server:
        """Start a server; for its URL one with TLS is C{localhost} where it is at 127.0.0.1."""
        server = Server(answer)
        if tls is None:
            port = trial_reactor().listenTCP(0, server, interface=address)
        else:
            pem = tls.private_key_and_cert_chain_pem.bytes()
            options = PrivateCertificate.loadPEM(pem).options()
            port = trial_reactor().listenSSL(0, server, options, interface=address)
        server.port = port.getHost().port
        server.host = f"[{address}]" if ":" in address else address
        if tls is not None and address == "127.0.0.1":
            server.host = "localhost"
        server.url = f"{'http' if tls is None else 'https'}://{server.host}:{server.port}"

        async def stop() -> None:
            await port.stopListening()
            for connection in list(server.connections):
                transport: ITCPTransport = connection.transport  # type: ignore[assignment]
                transport.abortConnection()
            await server.all_connections_lost()

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return server

    def agent(
        self,
        policy: IPolicyForHTTPS | None = None,
        proxies: Proxies | None = None,
        *,
        persistent: bool = False,
    ) -> OutboundAgent:
        """An agent whose connections are gone after the test."""
        agent = OutboundAgent(
            trial_reactor(),
            policy or BrowserLikePolicyForHTTPS(),
            proxies,
            user_agent=USER_AGENT,
            persistent=persistent,
        )
        self.addCleanup(agent.close)
        return agent

    def noticing(self, agent: OutboundAgent) -> tuple[IOutboundAgent, DeferredQueue[IResponse]]:
        """The agent, and a queue of the responses whose headers have arrived."""
        responses: DeferredQueue[IResponse] = DeferredQueue()

        @implementer(IOutboundAgent)
        class Noticing:
            def way(self, url: str) -> str:
                return agent.way(url)

            def request(self, *arguments: Any) -> Deferred[IResponse]:
                def notice(response: IResponse) -> IResponse:
                    # Not before the one who asked has it.
                    trial_reactor().callLater(0, responses.put, response)
                    return response

                return agent.request(*arguments).addCallback(notice)

        return Noticing(), responses

    async def failure(self, coroutine: Coroutine[Any, Any, T], kind: type[Exception]) -> str:
        """The text of the error that C{coroutine} must fail with."""
        try:
            result = await coroutine
        except kind as error:
            await next_turn()
            return str(error)
        raise AssertionError(f"{kind.__name__} was not raised; the result is {result!r}")
