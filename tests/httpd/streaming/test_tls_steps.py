"""TLS on the socket itself step by step, with an OpenSSL that the test plays."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from httpd.concurrency.threads import run_at_once
from httpd.streaming.disk import DiskFile
from httpd.streaming.regions import TURN
from httpd.streaming.tls_transport import TlsServer
from tests.httpd.streaming.tls_serving import Scripted


class ScriptedTls:
    """Stands for OpenSSL: each call does what the script says is next."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.given: list[bytes] = []
        self.corked: list[bool] = []

    def connection(self, socket: socket.socket) -> SSL.Connection:
        self.socket = socket
        return self  # type: ignore[return-value]

    @property
    def is_corked(self) -> bool:
        """Whether the kernel waits for more before it sends a packet that is not full."""
        return bool(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))

    def do_handshake(self) -> None:
        self._next()

    def send(self, data: memoryview) -> int:
        self.given.append(bytes(data))
        self.corked.append(self.is_corked)
        self._next()
        return len(data)

    def recv(self, _most: int) -> bytes:
        return bytes(self._next())

    def _next(self) -> Any:
        result = self.script.pop(0) if self.script else SSL.WantReadError()
        if isinstance(result, Exception):
            raise result
        return result


class StepTests(SynchronousTestCase):
    """Step by step, with an OpenSSL that the test plays."""

    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(random.Random(7).randbytes(2_000_000))
        self.content = path.read_bytes()
        self.file = DiskFile(path, run_at_once)
        self.reactor = MemoryReactor()

    def transport(self, *script: object) -> tuple[TlsServer, ScriptedTls, Scripted]:
        """A transport after its handshake."""
        tls = ScriptedTls(None, SSL.WantReadError(), *script)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            theirs = socket.create_connection(listening.getsockname())
            ours, _ = listening.accept()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        protocol = Scripted(lambda _: None, echo=False)
        transport = TlsServer(tls, ours, protocol, ("127.0.0.1", 1), None, 0, self.reactor)
        protocol.makeConnection(transport)
        transport.doRead()
        return transport, tls, protocol

    def test_same_bytes_again(self) -> None:
        """OpenSSL, once it has begun, gets the same; though another one used the buffer."""
        one, tls, _ = self.transport(SSL.WantWriteError(), SSL.WantWriteError(), 0)
        other, _, _ = self.transport(0, 0)
        one.write(self.file.region(0, 1 << 20))
        other.write(self.file.region(1_000_000, 1 << 20))
        one.doWrite()
        other.doWrite()
        one.doWrite()
        one.doWrite()
        first, second = self.content[:TURN], self.content[TURN : 2 * TURN]
        self.assertTrue(tls.given == [first, first, first, second])

    def test_one_turn_at_a_time(self) -> None:
        """A client that takes everything at once does not keep the others waiting."""
        transport, tls, _ = self.transport(0, 0)
        transport.write(self.file.region(0, 1 << 20))
        self.assertEqual(len(b"".join(tls.given)), TURN)
        self.assertIn(transport, self.reactor.getWriters())

    def test_full_packets(self) -> None:
        """They are filled as long as there is more to send; the end does not wait for anything."""
        transport, tls, _ = self.transport(0, 0, SSL.WantWriteError(), 0)
        transport.write(self.file.region(0, 2 * TURN + 1000))
        for _ in range(3):
            self.assertTrue(tls.is_corked)
            transport.doWrite()
        self.assertEqual(tls.corked, [False, True, True, True])
        self.assertFalse(tls.is_corked)

    def test_bytes_that_grow(self) -> None:
        """What is added meanwhile comes behind what OpenSSL has begun with."""
        transport, tls, _ = self.transport(SSL.WantWriteError(), 0)
        transport.write(b"first")
        transport.write(b", second")
        transport.doWrite()
        self.assertEqual(tls.given, [b"first", b"first, second"])
        self.assertNotIn(transport, self.reactor.getWriters())

    def test_reading_that_must_write(self) -> None:
        """As after a KeyUpdate: it goes on when the socket takes more, and not before."""
        transport, _, protocol = self.transport(SSL.WantWriteError(), b"data")
        transport.doRead()
        self.assertIn(transport, self.reactor.getWriters())
        self.assertNotIn(transport, self.reactor.getReaders())
        transport.doWrite()
        self.assertEqual(protocol.received, b"data")
        self.assertIn(transport, self.reactor.getReaders())

    def test_end_of_reading_that_had_to_write(self) -> None:
        """It is the end of what comes, and no more: what is being sent goes on."""
        transport, tls, protocol = self.transport(SSL.WantWriteError(), SSL.ZeroReturnError(), 0)
        alsoProvides(protocol, IHalfCloseableProtocol)
        ended: list[bool] = []
        protocol.readConnectionLost = lambda: ended.append(True)  # type: ignore[attr-defined]
        transport.doRead()
        transport.write(b"answer")
        self.assertIsNone(transport.doWrite())
        self.assertEqual(ended, [True])
        self.assertNotIn(transport, self.reactor.getReaders())
        transport.doWrite()
        self.assertEqual(tls.given, [b"answer"])
        self.assertFalse(protocol.lost.called)

    def test_lost_while_bytes_are_brought(self) -> None:
        """Nothing is sent when they are there at last."""
        asked: list[Deferred[Any]] = []

        def later(*_arguments: Any, **_named: Any) -> Deferred[Any]:
            asked.append(Deferred())
            return asked[-1]

        transport, tls, protocol = self.transport()
        transport.write(DiskFile(Path("/proc/version"), later).region(0, 10))
        transport.doWrite()
        self.assertNotIn(transport, self.reactor.getWriters())
        transport.connectionLost(Failure(ConnectionDone()))
        asked.pop().callback(None)
        self.assertEqual(tls.given, [])
        self.successResultOf(protocol.lost)
