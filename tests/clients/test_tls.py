"""What clients do to the TLS listener of the running service."""

from __future__ import annotations

import ssl

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from tests.clients.serving import ServingTestCase

_CLOSE_NOTIFY = bytes([21, 3, 3, 0, 2, 1, 0])
"""An alert in clear: warning, close_notify (RFC 5246, section 7.2.1)."""


class LeavingClient(Protocol):
    """Begins a handshake, and takes its leave when the server has answered."""

    transport: ITransport

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        hello = ssl.MemoryBIO()
        tls = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self.transport.write(hello.read())

    def dataReceived(self, _data: bytes) -> None:
        self.transport.write(_CLOSE_NOTIFY)

    def connectionLost(self, _reason: Failure | None = None) -> None:
        self.ended.callback(None)


class HandshakeTests(ServingTestCase):
    """A handshake that comes to nothing is no error of the service's."""

    async def test_client_leaves_during_the_handshake(self) -> None:
        """The connection is closed, and the log has no traceback: the test's end looks."""
        serving = await self.serve()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", serving.service.ports["https"])
        client = await connectProtocol(endpoint, LeavingClient())
        await client.ended
