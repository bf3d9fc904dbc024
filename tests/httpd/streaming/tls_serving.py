"""A listening port that speaks TLS on the socket itself, and clients of another TLS library."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Port
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from httpd.streaming.tls_transport import TlsServer
from tests.httpd.outbound.servers import trial_reactor
from tests.transports import server_identity, server_tls


class Scripted(Protocol):
    """
    Does on the server's side what the test says.

    @ivar lost: fires with the reason.
    """

    transport: TlsServer

    def __init__(self, made: Callable[[Scripted], object], echo: bool) -> None:
        self.made, self.echo = made, echo
        self.received = bytearray()
        self.lost: Deferred[BaseException] = Deferred()

    def connectionMade(self) -> None:
        made, self.made = self.made, lambda _: None
        made(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.echo:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.lost.callback(reason.value)


class ServedTestCase(TestCase):
    """A listening port, and blocking clients in threads of their own."""

    timeout = 60

    def serve(
        self, made: Callable[[Scripted], object] = lambda _: None, *, echo: bool = False
    ) -> None:
        """Begin; every connection is made what C{made} says."""
        reactor = trial_reactor()
        self.tls = server_tls()
        self.connected: list[Scripted] = []

        def protocol() -> Scripted:
            self.connected.append(Scripted(made, echo))
            return self.connected[-1]

        port: Port = reactor.listenTCP(
            0,
            Factory.forProtocol(protocol),
            interface="127.0.0.1",
        )
        setattr(port, "transport", partial(TlsServer, self.tls))  # noqa: B010
        self.port = port.getHost().port
        self.addCleanup(port.stopListening)

    def bare(self, buffer: int = 0) -> socket.socket:
        client = socket.socket()
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(self.timeout)
        client.connect(("127.0.0.1", self.port))
        return client

    @contextlib.contextmanager
    def client(
        self, version: ssl.TLSVersion | None = None, buffer: int = 0
    ) -> Iterator[ssl.SSLSocket]:
        """Blocking; strict about the end of TLS."""
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        if version is not None:
            context.minimum_version = context.maximum_version = version
        with (
            self.bare(buffer) as bare,
            context.wrap_socket(
                bare, server_hostname="localhost", suppress_ragged_eofs=False
            ) as client,
        ):
            yield client

    async def ended(self, count: int = 1) -> list[BaseException]:
        """The reasons why connections were lost, of all that there were."""
        self.assertEqual(len(self.connected), count)
        return [await protocol.lost for protocol in self.connected]
