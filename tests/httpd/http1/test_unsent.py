"""What the kernel tells of a slow client."""

from __future__ import annotations

import socket
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.client_timer import SendQueue


class SendQueueTests(SynchronousTestCase):
    """Over a connection of TCP, between two sockets of the test's own."""

    def setUp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.client = socket.socket()
            self.addCleanup(self.client.close)
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.client.connect(listening.getsockname())
            self.server, _ = listening.accept()
        self.addCleanup(self.server.close)
        self.server.setblocking(False)
        self.queue = SendQueue(SimpleNamespace(socket=self.server))

    def fill(self) -> int:
        """Write as much as the kernel takes."""
        written = 0
        try:
            while True:
                written += self.server.send(bytes(65536))
        except BlockingIOError:
            return written

    def test_nothing_written(self) -> None:
        self.assertEqual((self.queue.unsent(), self.queue.acknowledged()), (0, 0))

    def test_everything_is_somewhere(self) -> None:
        """What is written is either acknowledged or not, whatever the client takes."""
        written = self.fill()
        # An acknowledgement may come between two looks.
        acknowledged = self.queue.acknowledged()
        unsent = self.queue.unsent()
        self.assertGreater(unsent, 0)
        self.assertLessEqual(acknowledged + unsent, written)
        self.assertGreaterEqual(self.queue.acknowledged() + unsent, written)

    def test_client_that_reads(self) -> None:
        """What is acknowledged grows, also while as much is written."""
        self.fill()
        before = self.queue.acknowledged()
        while self.queue.acknowledged() == before:
            self.client.recv(65536)
            self.fill()
        self.assertGreater(self.queue.unsent(), 0)

    def test_closed(self) -> None:
        self.fill()
        self.server.close()
        self.assertEqual((self.queue.unsent(), self.queue.acknowledged()), (0, 0))

    def test_other_transports(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertEqual(SendQueue(SimpleNamespace(socket=ours)).acknowledged(), 0)
        for transport in (SimpleNamespace(), SimpleNamespace(socket=None)):
            queue = SendQueue(transport)
            self.assertEqual((queue.unsent(), queue.acknowledged()), (0, 0))
