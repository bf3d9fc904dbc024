"""Clients that send no more after their request, and clients that have left: they look alike."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.concurrency.threads import threads_of
from httpd.http1.connections import Connections
from httpd.representation.segments import BytesSegment, FileSegment, Representation, ZeroSegment
from httpd.streaming.disk import DiskFile
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource
from httpd.web.respond import Content
from tests.httpd.web.responding import Responding
from tests.httpd.web.serving import listen, reactor, site_of
from tests.transports import SenderWire, SendfileWire, TlsWire, Wire, server_identity

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
_SECONDS = 60.0


class HalfClosedTests(TestCase):
    """Over each transport: everything that was asked for comes, and then the end."""

    wire: ClassVar[Wire] = Wire()
    timeout = 60

    def setUp(self) -> None:
        path = Path(self.mktemp())
        content = random.Random(3).randbytes(6_000_000)
        path.write_bytes(content)
        file = DiskFile(path, threads_of(reactor))
        representation = Representation.of(
            FileSegment(file, 0, 5_000_000),
            BytesSegment(b"generated" * 1000),
            ZeroSegment(1_000_000),
            FileSegment(file, 5_000_000, 1_000_000),
        )
        self.body = (
            content[:5_000_000] + b"generated" * 1000 + bytes(1_000_000) + content[-(10**6) :]
        )
        self.resource = Responding(Content(representation, "a/b", "a", "private"))
        self.connections = Connections(10)
        self.port = listen(self, site_of(self.resource, connections=self.connections), self.wire)

    def connect(self) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(_SECONDS)
        client.connect(("127.0.0.1", self.port))
        return client

    def exchange(self, sent: bytes) -> bytes:
        """Send, close that side, and read to the end."""
        with self.connect() as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))

    async def answers(self, sent: bytes) -> list[bytes]:
        """All bodies that come, as far as they come; then nothing is left of the connection."""
        received = await deferToThread(self.exchange, sent)
        await self.connections.drain()
        bodies = []
        while received:
            head, _, received = received.partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 20"), head[:20])
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            bodies.append(received[:length])
            received = received[length:]
        return bodies

    async def test_one_request(self) -> None:
        (body,) = await self.answers(GET)
        self.assertTrue(body == self.body)

    async def test_several_requests(self) -> None:
        part = GET.replace(b"\r\n\r\n", b"\r\nRange: bytes=1000-3000000\r\n\r\n")
        one, two, three = await self.answers(part + GET + part)
        self.assertTrue(two == self.body)
        self.assertTrue(one == three == self.body[1000:3000001])

    async def test_half_a_request_behind(self) -> None:
        (body,) = await self.answers(GET + GET[:-2])
        self.assertTrue(body == self.body)

    async def test_nothing_whole(self) -> None:
        for sent in (
            b"",
            GET[:5],
            GET[:-2],
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1",
        ):
            self.assertEqual(await self.answers(sent), [], sent)

    async def test_client_that_has_left(self) -> None:
        """What it is sent comes back."""

        def leave() -> None:
            with self.connect() as client:
                client.sendall(GET)

        await deferToThread(leave)
        await self.resource.ended
        await self.connections.drain()
        self.assertIsInstance(self.resource.outcomes[0], CancelledError)


class SendfileHalfClosedTests(HalfClosedTests):
    """Where the transport sends files by itself."""

    wire = SendfileWire()


class SenderHalfClosedTests(HalfClosedTests):
    """Where threads do."""

    wire = SenderWire()


class TlsHalfClosedTests(HalfClosedTests):
    """Over TLS, by the end of TCP's side alone."""

    wire = TlsWire()
    version: ClassVar[ssl.TLSVersion] = ssl.TLSVersion.TLSv1_3

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        context.minimum_version = context.maximum_version = self.version
        return context

    def connect(self) -> socket.socket:
        return self.context().wrap_socket(super().connect(), server_hostname="localhost")

    def exchange(self, sent: bytes) -> bytes:
        with self.connect() as client:
            client.sendall(sent)
            socket.socket.shutdown(client, socket.SHUT_WR)  # TLS is told nothing of it
            return b"".join(iter(lambda: client.recv(65536), b""))


class MemoryTls:
    """A client's TLS that reads on after its C{close_notify}, as Python's on a socket cannot."""

    def __init__(self, context: ssl.SSLContext, client: socket.socket) -> None:
        self._client, self._coming, self._going = client, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._coming, self._going, server_hostname="localhost")

    def flush(self) -> None:
        if self._going.pending:
            self._client.sendall(self._going.read())

    def until(self, done: Callable[[], Any]) -> Any:
        """What C{done} returns when enough has come for it; nothing after C{close_notify}."""
        while True:
            try:
                return done()
            except ssl.SSLWantReadError:
                self.flush()
                if not self._coming.write(self._client.recv(65536)):
                    self._coming.write_eof()
            except ssl.SSLZeroReturnError:
                return b""


class NotifyingHalfClosedTests(TlsHalfClosedTests):
    """By C{close_notify} as the one end of TLS's side, and by that of TCP behind it."""

    and_shut_down: ClassVar[bool] = True

    def exchange(self, sent: bytes) -> bytes:
        with HalfClosedTests.connect(self) as client:
            tls = MemoryTls(self.context(), client)
            tls.until(tls.tls.do_handshake)
            tls.tls.write(sent)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.tls.unwrap()
            tls.flush()
            if self.and_shut_down:
                client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: tls.until(lambda: tls.tls.read(65536)), b""))


class OldHalfClosedTests(NotifyingHalfClosedTests):
    """By C{close_notify} alone, in TLS 1.2."""

    version = ssl.TLSVersion.TLSv1_2
    and_shut_down = False


class SlowResource(Resource):
    """Answers when the test says so, as with a slot."""

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()

    def answer(self, request: ServiceRequest) -> None:
        request.answer = Deferred.fromCoroutine(self.wait(request))

    async def wait(self, request: ServiceRequest) -> None:
        with contextlib.suppress(CancelledError):
            await self.ready
            request.finish_with(b"at last\n", "text/plain")


class SocketTransport(StringTransport):
    """A transport with the socket of a real connection."""

    aborted = False

    def __init__(self) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.client = socket.create_connection(listening.getsockname())
            self.socket, _ = listening.accept()

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True


class WaitingTests(SynchronousTestCase):
    """While nothing is sent: whether a client has left is only seen by asking its kernel."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.resource = SlowResource()
        self.transport = SocketTransport()
        self.addCleanup(self.transport.socket.close)
        self.addCleanup(self.transport.client.close)
        self.channel = site_of(self.resource, clock=self.clock).buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(GET)
        self.channel.readConnectionLost()

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_client_that_waits(self) -> None:
        self.pass_by(1000)
        self.assertFalse(self.transport.aborted or self.transport.disconnecting)
        self.resource.ready.callback(None)
        self.assertTrue(self.transport.value().endswith(b"\r\n\r\nat last\n"))
        self.assertTrue(self.transport.disconnecting)

    def test_client_that_has_left(self) -> None:
        tcp = socket.IPPROTO_TCP
        self.assertTrue(self.transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(self.transport.socket.getsockopt(tcp, socket.TCP_KEEPIDLE), 15)
        linger = struct.pack("ii", 1, 0)
        self.transport.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.client.close()  # by a reset, as its kernel answers a probe
        self.pass_by(15)
        self.assertTrue(self.transport.aborted)

    def test_nothing_is_left(self) -> None:
        self.channel.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
