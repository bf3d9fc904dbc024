"""What is written goes out at once where it can, and nothing else happens within a write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IPullProducer, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Port
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from httpd.concurrency.threads import threads_of
from httpd.streaming.disk import DiskFile
from httpd.streaming.regions import TURN, RegionServer
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.web.serving import Collecting
from tests.transports import SenderWire, SendfileWire, TlsWire, Wire

_SIZE = 20_000_000


class Answering(Protocol):
    """
    Does what the test says when its client has sent something.

    @ivar lost: fires when the connection is lost.
    """

    transport: RegionServer

    def __init__(self, answer: Callable[[Answering], object]) -> None:
        self.answer = answer
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.answer(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


@implementer(IPushProducer)
class Pushing:
    """
    Writes regions until it is paused.

    @ivar resumed: how often it was told to go on.
    @ivar written: bytes.
    """

    def __init__(self, transport: RegionServer, file: DiskFile) -> None:
        self.transport, self.file = transport, file
        self.resumed = self.written = 0
        self.paused = False
        transport.registerProducer(self, True)

    def push(self) -> None:
        while self.written < _SIZE and not self.paused:
            region = self.file.region(self.written, min(64 * 1024, _SIZE - self.written))
            self.written += len(region)
            self.transport.write(region)
        if self.written == _SIZE:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.resumed += 1
        self.paused = False
        self.push()

    def stopProducing(self) -> None:
        self.paused = True


@implementer(IPullProducer)
class Pulled:
    """Writes a byte whenever it is asked to, ten times in all."""

    def __init__(self, transport: RegionServer) -> None:
        self.transport = transport
        self.left = 10

    def resumeProducing(self) -> None:
        self.left -= 1
        self.transport.write(b"x")
        if not self.left:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def stopProducing(self) -> None:
        self.left = 0


class AtOnceTests(TestCase):
    """In clear."""

    wire_type: type[Wire] = SendfileWire
    timeout = 60

    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(os.urandom(65_537) * (_SIZE // 65_537 + 1))
        os.truncate(path, _SIZE)
        self.path = path
        self.file = DiskFile(path, threads_of(trial_reactor()))

    async def asked(self, answer: Callable[[Answering], object]) -> Collecting:
        """A client that has sent something; C{self.server} is who answers."""
        reactor = trial_reactor()
        wire = self.wire_type()
        self.server = Answering(answer)
        port: Port = reactor.listenTCP(
            0, Factory.forProtocol(lambda: self.server), interface="127.0.0.1"
        )
        setattr(port, "transport", wire.transport)  # noqa: B010
        self.addCleanup(port.stopListening)
        endpoint = wire.endpoint(port.getHost().port)
        client: Collecting = await connectProtocol(endpoint, Collecting())
        self.client = cast(ITCPTransport, client.transport)
        self.client.write(b"?")
        return client

    async def received(self, answer: Callable[[Answering], object]) -> bytes:
        """All that a client gets."""
        data = await (await self.asked(answer)).closed
        await self.server.lost
        return data

    async def test_no_further_turn(self) -> None:
        """When a short answer is written it is sent, and the reactor need not ask the socket."""
        waiting = []

        def answer(server: Answering) -> None:
            server.transport.writeSequence([b"head", self.file.region(0, 1000)])
            server.transport.write(b"tail")
            waiting.append(server.transport in trial_reactor().getWriters())
            server.transport.loseConnection()

        expected = b"head" + self.path.read_bytes()[:1000] + b"tail"
        self.assertEqual(await self.received(answer), expected)
        self.assertEqual(waiting, [False])

    async def test_producer(self) -> None:
        """It is resumed by the reactor alone, and its connection takes only one turn at a time."""
        producers = []

        def answer(server: Answering) -> None:
            producer = Pushing(server.transport, self.file)
            producer.push()
            self.assertEqual(producer.resumed, 0)
            self.assertLessEqual(producer.written, TURN + 2 * server.transport.bufferSize)
            producers.append(producer)

        self.assertTrue(await self.received(answer) == self.path.read_bytes())
        self.assertGreater(producers[0].resumed, 0)

    async def test_pull_producer(self) -> None:
        def answer(server: Answering) -> None:
            server.transport.registerProducer(Pulled(server.transport), False)

        self.assertEqual(await self.received(answer), b"x" * 10)

    async def test_loss(self) -> None:
        """The protocol is told of it by the reactor, not within its own write."""
        told = []

        def answer(server: Answering) -> None:
            server.transport.pauseProducing()  # or it would hear of it by reading
            self.client.abortConnection()
            trial_reactor().callLater(0, write, server)

        def write(server: Answering) -> None:
            for _ in range(3):
                server.transport.write(b"x" * 100_000)
                told.append(server.lost.called)

        await self.received(answer)
        self.assertEqual(told, [False] * 3)

    async def test_truncated_file(self) -> None:
        """Nothing is sent in place of what is not there any more, nor after it; a line says so."""
        logged: list[LogEvent] = []

        @implementer(ILogObserver)
        def observer(event: LogEvent) -> None:
            logged.append(event)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

        def answer(server: Answering) -> None:
            os.truncate(self.path, 1000)
            server.transport.writeSequence([b"head", self.file.region(0, 2000)])
            server.transport.write(b"tail")
            server.transport.loseConnection()

        received = await self.received(answer)
        self.assertNotIn(b"tail", received)
        self.assertLessEqual(len(received), 1004)
        self.assertEqual(sum("truncated" in formatEvent(event) for event in logged), 1)

    async def test_nothing_after_abort(self) -> None:
        def answer(server: Answering) -> None:
            server.transport.abortConnection()
            server.transport.write(b"late")

        self.assertEqual(await self.received(answer), b"")

    async def test_close_right_after(self) -> None:
        """Nothing is lost of what was too much for the socket."""

        def answer(server: Answering) -> None:
            for offset in range(0, _SIZE, 1_000_000):
                server.transport.write(self.file.region(offset, 1_000_000))
            server.transport.loseConnection()

        self.assertTrue(await self.received(answer) == self.path.read_bytes())


class SenderAtOnceTests(AtOnceTests):
    """By threads."""

    wire_type = SenderWire


class TlsAtOnceTests(AtOnceTests):
    """Over TLS."""

    wire_type = TlsWire
