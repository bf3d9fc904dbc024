"""Threads that send, on real sockets; and by what clients are told from others."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Barrier, get_native_id
from typing import Any, cast

from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.concurrency.threads import threads_of
from httpd.streaming.disk import DiskFile
from httpd.streaming.sender_threads import Pace, SenderThreads
from httpd.streaming.sendfile import SendfileServer
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.web.serving import Collecting
from tests.properties import given
from tests.transports import Wire

_SIZE = 20_000_000


class PaceTests(SynchronousTestCase):
    """A stretch of 1000 bytes, and clients that are fast from 100 bytes a second on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pace = Pace(1000, 100, self.clock.seconds)

    def taken(self, sent: int, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.pace.is_fast(sent)

    @given(st.integers(1000, 5000), st.integers(0, 100))
    def test_one_stretch(self, sent: int, seconds: int) -> None:
        self.setUp()
        self.assertEqual(self.taken(sent, seconds), sent >= 100 * seconds)

    def test_too_early_to_say(self) -> None:
        self.assertEqual([self.taken(sent, 1) for sent in (0, 1, 999)], [False] * 3)
        self.assertTrue(self.taken(1000, 1))

    def test_each_stretch_counts_by_itself(self) -> None:
        self.assertTrue(self.taken(1000, 0))
        self.assertFalse(self.taken(2000, 11))
        self.assertFalse(self.taken(2999, 0))
        self.assertTrue(self.taken(3000, 1))

    def test_another_file(self) -> None:
        """It is taken anew from where it is when it is first heard of."""
        self.assertTrue(self.taken(9000, 1))
        self.assertFalse(self.taken(1500, 1000))
        self.assertFalse(self.taken(2499, 1))
        self.assertTrue(self.taken(2500, 1))


class Ending:
    """A reactor that is told to end by the test."""

    def __init__(self) -> None:
        self.end: Callable[[], Deferred[None]]

    def addSystemEventTrigger(  # noqa: N802
        self, phase: str, event: str, trigger: Callable[[], Deferred[None]]
    ) -> None:
        assert (phase, event) == ("before", "shutdown")
        self.end = trigger

    def __getattr__(self, name: str) -> Any:
        return getattr(trial_reactor(), name)


class Meeting(DiskFile):
    """A file that waits for so many threads, and takes note of how nice each is."""

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__(path, threads_of(trial_reactor()))
        self.niceness: list[int] = []
        self._all = Barrier(threads, timeout=30)

    def expect(self, offset: int, length: int) -> None:
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))
        self._all.wait()


class SenderThreadsTests(TestCase):
    """By themselves, on a socket that nobody else has."""

    timeout = 60

    def setUp(self) -> None:
        self.file = DiskFile(random_file(self), threads_of(trial_reactor()))
        self.server, self.client = socket.socketpair()
        self.addCleanup(self.server.close)
        self.addCleanup(self.client.close)
        self.server.setblocking(False)

    def send(self, senders: SenderThreads, length: int = _SIZE - 100) -> Deferred[int]:
        sending = senders.send(trial_reactor(), self.server, self.file, 100, length)
        assert sending is not None
        return sending

    def receive(self) -> bytes:
        received = bytearray()
        while data := self.client.recv(1 << 20):
            received += data
        return bytes(received)

    async def test_all(self) -> None:
        """From its place on; then the socket is as it was."""
        receiving = deferToThread(self.receive)
        self.assertEqual(await self.send(SenderThreads(fast=0)), _SIZE - 100)
        self.assertFalse(os.get_blocking(self.server.fileno()))
        self.server.close()
        self.assertTrue(await receiving == self.file.path.read_bytes()[100:])

    async def test_client_that_takes_nothing(self) -> None:
        """It is not waited for; what it was sent is known."""
        sent = await self.send(SenderThreads(fast=0))
        self.assertTrue(0 < sent < _SIZE - 100, sent)
        self.server.close()
        self.assertTrue(self.receive() == self.file.path.read_bytes()[100 : 100 + sent])

    async def test_client_that_is_not_fast(self) -> None:
        """It gets what one call sends."""
        receiving = deferToThread(self.receive)
        sent = await self.send(SenderThreads(fast=1 << 60, call=1_000_000))
        self.assertTrue(0 < sent <= 1_000_000, sent)
        self.server.close()
        self.assertEqual(len(await receiving), sent)

    async def test_no_thread_is_free(self) -> None:
        senders = SenderThreads(most=1, fast=0)
        sending = self.send(senders)
        self.assertIsNone(senders.send(trial_reactor(), self.server, self.file, 0, 1))
        await sending
        self.assertEqual(await self.send(SenderThreads(most=1, fast=0), 0), 0)

    async def test_niceness(self) -> None:
        """One thread for each CPU is no nicer than the reactor; only those beyond are."""
        cpus = len(os.sched_getaffinity(0))
        senders = SenderThreads(most=cpus + 2, fast=0)
        file = Meeting(self.file.path, cpus + 2)
        sending = []
        for _ in range(cpus + 2):
            server, client = socket.socketpair()
            self.addCleanup(client.close)
            self.addCleanup(server.close)
            one = senders.send(trial_reactor(), server, file, 0, 1)
            assert one is not None
            sending.append(one)
        self.assertEqual(await gatherResults(sending), [1] * (cpus + 2))
        own = os.getpriority(os.PRIO_PROCESS, os.getpid())
        nicer = [min(own + 10, 19)] * 2
        self.assertEqual(sorted(file.niceness), sorted([own] * cpus + nicer))

    async def test_what_cannot_be_sent(self) -> None:
        """The file has become shorter, or the client has left."""
        os.truncate(self.file.path, 1100)
        self.assertEqual(await self.send(SenderThreads(fast=0)), 1000)
        self.client.close()
        self.assertEqual(await self.send(SenderThreads(fast=0)), 0)
        self.assertFalse(os.get_blocking(self.server.fileno()))

    async def test_sockets_are_shut_down(self) -> None:
        """At the end of the reactor a thread that waits for its client ends at once."""
        reactor, senders = Ending(), SenderThreads(fast=0)
        sending = senders.send(reactor, self.server, self.file, 0, _SIZE)
        assert sending is not None
        receiving = deferToThread(self.receive)
        await reactor.end()
        self.assertTrue(sending.called)
        self.assertEqual(len(await receiving), await sending)
        self.assertIsNone(senders.send(reactor, self.server, self.file, 0, 1))

    async def test_end_with_nothing_to_do(self) -> None:
        reactor, senders = Ending(), SenderThreads(fast=0)
        sending = senders.send(reactor, self.server, self.file, 0, 1)
        assert sending is not None
        await sending
        await reactor.end()


class Sending(Protocol):
    """
    Sends a file from the beginning.

    @ivar lost: fires when the connection is lost, with why and with what was not sent.
    """

    transport: SendfileServer

    def __init__(self, file: DiskFile) -> None:
        self.file = file
        self.lost: Deferred[tuple[Failure, int]] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.file.region(0, _SIZE))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback((reason, self.transport.waiting))


class Lent(SenderThreads):
    """
    Waits, with the socket in hand, until the test lets it go on.

    @ivar begun: fires when a connection has lent its socket.
    @ivar go_on: to be fired.
    """

    def __init__(self) -> None:
        super().__init__(fast=0, trial=1)
        self.begun: Deferred[socket.socket] = Deferred()
        self.go_on: Deferred[None] = Deferred()

    def send(self, reactor: Any, sock: socket.socket, *what: Any) -> Deferred[int] | None:
        if self.begun.called:
            return None
        self.begun.callback(sock)

        async def later() -> int:
            await self.go_on
            sending = SenderThreads.send(self, reactor, sock, *what)
            assert sending is not None
            return await sending

        return Deferred.fromCoroutine(later())


class LendingTests(TestCase):
    """A connection whose socket a thread has."""

    timeout = 60

    async def lend(self) -> None:
        """Have a client, and a thread that has its connection's socket."""
        path = random_file(self)
        self.protocol = Sending(DiskFile(path, threads_of(trial_reactor())))
        self.senders = Lent()
        port: Any = trial_reactor().listenTCP(
            0, Factory.forProtocol(lambda: self.protocol), interface="127.0.0.1"
        )
        port.transport = partial(SendfileServer, self.senders)
        self.addCleanup(port.stopListening)
        self.client: Collecting = await connectProtocol(
            Wire().endpoint(port.getHost().port), Collecting()
        )
        self.expected = path.read_bytes()
        await self.senders.begun

    async def ended(self) -> tuple[Failure, int]:
        """
        Let the thread go on.

        @return: why the connection was lost, and how many bytes have not been sent.
        """
        self.assertFalse(self.protocol.lost.called)
        self.senders.go_on.callback(None)
        return await self.protocol.lost

    async def test_what_is_written_meanwhile(self) -> None:
        """It goes out behind what the thread sends."""
        await self.lend()
        self.protocol.transport.write(b"more")
        self.protocol.transport.loseConnection()
        _, waiting = await self.ended()
        self.assertEqual(waiting, 0)
        self.assertTrue(await self.client.closed == self.expected + b"more")

    async def test_abort(self) -> None:
        """The socket stays open until the thread has let go of it; but nothing more is sent."""
        await self.lend()
        transport = self.protocol.transport
        descriptor, before = transport.fileno(), transport.waiting
        for _ in range(2):
            transport.abortConnection()
            await deferLater(trial_reactor(), 0)
            self.assertEqual(transport.fileno(), descriptor)
        reason, waiting = await self.ended()
        reason.trap(ConnectionAborted)
        self.assertEqual(waiting, before)

    async def test_client_that_leaves(self) -> None:
        await self.lend()
        before = self.protocol.transport.waiting
        cast(ITCPTransport, self.client.transport).abortConnection()
        await self.client.closed
        await deferLater(trial_reactor(), 0)
        reason, waiting = await self.ended()
        reason.trap(ConnectionLost)
        self.assertEqual(waiting, before)

    async def test_thread_that_fails(self) -> None:
        """That is no way to end, but the connection does."""
        await self.lend()
        self.senders.go_on.errback(OSError("no"))
        reason, _ = await self.protocol.lost
        reason.trap(ConnectionAborted)


def random_file(test: TestCase) -> Path:
    """A file of random bytes."""
    path = Path(test.mktemp())
    path.write_bytes(os.urandom(_SIZE))
    return path
