"""When a connection is cut: never a slow client's, and no client's for ever."""

from __future__ import annotations

import socket

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.web.resource import TextResource
from tests.httpd.web.serving import site_of

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TIMES = Times(header_seconds=30, stall_seconds=90, idle_seconds=60, close_seconds=5)


class KernelTransport(StringTransport):
    """A transport whose kernel has bytes that the client does not take unless the test does."""

    def __init__(self) -> None:
        super().__init__()
        self.socket, self.client = socket.socketpair()
        self.aborted = self.losing = False

    def fileno(self) -> int:
        return self.socket.fileno()

    def fill(self) -> None:
        """Have several pieces on their way."""
        for _ in range(4):
            self.socket.send(bytes(1000))

    def take(self) -> None:
        """The client takes a little."""
        self.client.recv(1000)

    def loseConnection(self) -> None:  # noqa: N802
        """As TLS does: wait for the client."""
        self.losing = True

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True


class DeliveryTests(SynchronousTestCase):
    """After the answer, while the kernel still has the end of it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connections = Connections(10)
        self.transport = KernelTransport()
        self.addCleanup(self.transport.socket.close)
        self.addCleanup(self.transport.client.close)
        site = site_of(
            TextResource("hello"), clock=self.clock, connections=self.connections, times=TIMES
        )
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_slow_client(self) -> None:
        """It has as long as it goes on taking something; only then it begins to be idle."""
        self.transport.fill()
        self.channel.dataReceived(GET)
        for _ in range(4):
            self.pass_by(80)
            self.assertFalse(self.transport.aborted or self.transport.losing)
            self.transport.take()
        self.pass_by(59)
        self.assertFalse(self.transport.losing)
        self.pass_by(15)
        self.assertTrue(self.transport.losing)

    def test_stalled_client(self) -> None:
        """It has the stall time, idle or not."""
        self.transport.fill()
        self.channel.dataReceived(GET)
        self.pass_by(85)
        self.assertFalse(self.transport.aborted)
        self.pass_by(20)
        self.assertTrue(self.transport.aborted)

    def test_client_that_does_not_close(self) -> None:
        self.channel.dataReceived(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.assertTrue(self.transport.losing)
        self.pass_by(4)
        self.assertFalse(self.transport.aborted)
        self.pass_by(3)
        self.assertTrue(self.transport.aborted)

    def test_client_that_goes_on(self) -> None:
        """What follows a refusal is thrown away, and is not to be much."""
        self.channel.dataReceived(b"hello\r\n")
        answer = self.transport.value()
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))
        for _ in range(16):
            self.channel.dataReceived(GET.ljust(65536))
        self.assertEqual(self.transport.value(), answer)
        self.assertFalse(self.transport.aborted)
        self.channel.dataReceived(GET)
        self.assertTrue(self.transport.aborted)

    def test_refusals_do_not_add_up(self) -> None:
        """Another fault does not give a client more time to close."""
        for _ in range(3):
            self.channel.dataReceived(b"hello\r\n")
            self.pass_by(2)
        self.assertTrue(self.transport.aborted)

    def test_slow_client_that_is_to_close(self) -> None:
        self.transport.fill()
        self.channel.dataReceived(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        for _ in range(4):
            self.pass_by(60)
            self.assertFalse(self.transport.aborted)
            self.transport.take()
        self.pass_by(7)
        self.assertTrue(self.transport.aborted)

    def test_drain_waits_for_delivery(self) -> None:
        self.transport.fill()
        self.channel.dataReceived(GET)
        self.connections.drain()
        self.pass_by(60)
        self.assertFalse(self.transport.losing)
        for _ in range(4):
            self.transport.take()
        self.pass_by(1)
        self.assertTrue(self.transport.losing)

    def test_drain_of_a_request_that_has_begun(self) -> None:
        self.channel.dataReceived(GET[:20])
        self.connections.drain()
        self.channel.dataReceived(GET[20:])
        self.assertIn(b"connection: close\r\n", self.transport.value().lower())
        self.pass_by(1)
        self.assertTrue(self.transport.losing)

    def test_drain_of_half_a_request_line(self) -> None:
        """Nothing has been asked yet, and nothing is answered."""
        self.channel.dataReceived(GET[:10])
        self.connections.drain()
        self.channel.dataReceived(GET[10:])
        self.assertEqual(self.transport.value(), b"")
        self.pass_by(1)
        self.assertTrue(self.transport.losing)

    def test_nothing_runs_after_the_end(self) -> None:
        self.channel.dataReceived(GET)
        self.channel.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.connections), 0)
