"""Clients that ask on without waiting for answers: more than anybody reads in advance."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import ssl
from pathlib import Path
from typing import ClassVar

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.concurrency.threads import threads_of
from httpd.http1.channel import DeadlineChannel
from httpd.streaming.disk import DiskFile
from httpd.web.resource import Resource, TextResource
from httpd.web.respond import Content
from tests.httpd.web.responding import Responding
from tests.httpd.web.serving import listen, reactor, site_of
from tests.httpd.web.test_refused_requests import Unanswered
from tests.transports import SenderWire, SendfileWire, TlsWire, Wire, server_identity

_NOT_YET = BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError


_ETHERNET_SEGMENT = 1460
"""Bytes."""

_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class MemoryTests(SynchronousTestCase):
    """Who asks and does not read takes no memory for it, neither with requests nor with answers."""

    def channel(self, resource: Resource) -> tuple[DeadlineChannel, StringTransport]:
        channel, transport = site_of(resource, clock=Clock()).buildProtocol(None), StringTransport()
        channel.makeConnection(transport)
        assert isinstance(channel, DeadlineChannel)
        return channel, transport

    def test_requests(self) -> None:
        """They are read in advance to some extent, whether the client reads or not."""
        for full in (False, True):
            channel, transport = self.channel(Unanswered())
            channel.dataReceived(_GET)
            if full:
                channel.pauseProducing()
            channel.dataReceived(_GET * 100)
            self.assertEqual(transport.producerState, "producing")
            channel.dataReceived(_GET * 1000)
            self.assertEqual(transport.producerState, "paused")

    def test_answers(self) -> None:
        """A request waits until there is room for its answer."""
        channel, transport = self.channel(TextResource("hello"))
        channel.dataReceived(_GET)
        channel.pauseProducing()
        channel.dataReceived(_GET * 9)
        self.assertEqual(transport.value().count(b"hello"), 1)
        channel.resumeProducing()
        self.assertEqual(transport.value().count(b"hello"), 10)
        channel.dataReceived(_GET)
        self.assertEqual(transport.value().count(b"hello"), 11)
        self.assertEqual(transport.producerState, "producing")


class PipeliningTests(TestCase):
    """
    Every request is answered, in its order, however they come and go.

    The service stops reading meanwhile (the requests would fill its memory), and so must not have
    left any of them where nothing tells of them, such as in OpenSSL's own buffer.
    """

    wire: ClassVar[Wire] = SendfileWire()
    timeout = 60

    def connect(self, port: int) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        # The loopback's segments would be larger than the window, and sent by timers only.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _ETHERNET_SEGMENT)
        client.settimeout(self.timeout)
        client.connect(("127.0.0.1", port))
        return client

    async def test_long_pipeline(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(random.Random(5).randbytes(1_000_000))
        content = path.read_bytes()
        file = DiskFile(path, threads_of(reactor))
        site = site_of(Responding(Content(file.representation(), "a/b", "a", "private")))
        port = listen(self, site, self.wire)
        chance = random.Random(6)
        ranges = []
        for number in range(1500):
            size = 400_000 if number % 150 == 0 else chance.choice([1, 100, 2000, 30_000])
            start = chance.randrange(len(content) - size)
            ranges.append((start, start + size))
        fields = [b"Host: a\r\n"] * 1499 + [b"Host: a\r\nConnection: close\r\n"]
        asked = b"".join(
            b"GET / HTTP/1.1\r\nRange: bytes=%d-%d\r\n%b\r\n" % (start, stop - 1, field)
            for (start, stop), field in zip(ranges, fields, strict=True)
        )
        received = await deferToThread(self.exchange, port, asked, chance)
        place = 0
        for start, stop in ranges:
            self.assertTrue(received.startswith(b"HTTP/1.1 206 ", place))
            body = received.index(b"\r\n\r\n", place) + 4
            place = body + stop - start
            self.assertTrue(received[body:place] == content[start:stop])
        self.assertEqual(place, len(received))
        await site.connections.drain()

    def exchange(self, port: int, asked: bytes, chance: random.Random) -> bytes:
        """Send and receive in any order, now a little and now much."""
        received = bytearray()
        rest, part = memoryview(asked), memoryview(b"")
        with self.connect(port) as client:
            client.setblocking(False)
            while True:
                select.select([client], [client] if rest else [], [], self.timeout)
                part = part or rest[: chance.choice([1, 50, 5000, 40_000])]
                with contextlib.suppress(*_NOT_YET):
                    # What OpenSSL has begun with it must be given again.
                    count = client.send(part)
                    rest, part = rest[count:], part[count:]
                with contextlib.suppress(*_NOT_YET):
                    while data := client.recv(chance.choice([100, 5000, 100_000])):
                        received += data
                    return bytes(received)


class SenderPipeliningTests(PipeliningTests):
    """The same by threads, while which the reactor goes on to read."""

    wire: ClassVar[Wire] = SenderWire()


class TlsPipeliningTests(PipeliningTests):
    """The same over TLS."""

    wire: ClassVar[Wire] = TlsWire()

    def connect(self, port: int) -> socket.socket:
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        return context.wrap_socket(super().connect(port), server_hostname="localhost")
