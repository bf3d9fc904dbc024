"""How responses end: before their time, or with another request on the same connection."""

from __future__ import annotations

import os
import random
from pathlib import Path

from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import connectProtocol
from twisted.trial.unittest import TestCase

from httpd.concurrency.threads import threads_of
from httpd.http1.channel import Times
from httpd.representation.segments import Representation, ZeroSegment
from httpd.streaming.disk import DiskFile
from httpd.web.respond import Content
from tests.httpd.web.responding import Responding
from tests.httpd.web.serving import (
    Collecting,
    Observations,
    exchange,
    listen,
    reactor,
    site_of,
)
from tests.transports import SenderWire, SendfileWire, TlsWire, Wire


class TroubleTests(TestCase):
    """What happens when the body cannot go on: the connection is cut, and nothing is added."""

    wire_type: type[Wire] = Wire

    def serve(self, representation: Representation, stall_seconds: float = 60) -> Responding:
        resource = Responding(Content(representation, "a/b", "a", "private"))
        self.observed = Observations()
        site = site_of(resource, self.observed, times=Times(stall_seconds=stall_seconds))
        self.wire = self.wire_type()
        self.port = listen(self, site, self.wire)
        return resource

    async def connect(self) -> Collecting:
        client: Collecting = await connectProtocol(self.wire.endpoint(self.port), Collecting())
        assert client.transport is not None
        client.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return client

    async def test_file_truncated_meanwhile(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(bytes(5_000_000))
        file = DiskFile(path, threads_of(reactor))
        resource = self.serve(file.representation())
        os.truncate(path, 2_000_000)
        client = await self.connect()
        received = await client.closed
        _, _, body = received.partition(b"\r\n\r\n")
        self.assertEqual(body, bytes(len(body)))
        self.assertLessEqual(len(body), 2_000_000)
        self.assertEqual(len(resource.outcomes), 1)
        self.assertIsInstance(resource.outcomes[0], EOFError | CancelledError)

    async def test_client_that_reads_nothing(self) -> None:
        resource = self.serve(Representation.of(ZeroSegment(200_000_000)), stall_seconds=0.3)
        client = await self.connect()
        await client.begun
        client.transport.pauseProducing()  # type: ignore[union-attr]
        await resource.ended
        self.assertIsInstance(resource.outcomes[0], CancelledError)
        self.assertEqual(self.observed.stalled, 1)
        client.transport.resumeProducing()  # type: ignore[union-attr]
        self.assertLess(len(await client.closed), 200_000_000)

    async def test_client_that_leaves(self) -> None:
        resource = self.serve(Representation.of(ZeroSegment(200_000_000)))
        client = await self.connect()
        await client.begun
        client.transport.abortConnection()  # type: ignore[union-attr]
        await client.closed
        await resource.ended
        self.assertEqual(len(resource.outcomes), 1)

    async def test_next_request_on_the_same_connection(self) -> None:
        self.serve(Representation.from_bytes(b"0123456789"))
        client = await self.connect()
        assert client.transport is not None
        client.transport.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\nConnection: close\r\n\r\n"
        )
        received = await client.closed
        self.assertEqual(received.count(b"HTTP/1.1"), 2)
        self.assertTrue(received.endswith(b"\r\n\r\n234"))


class NoBodyTests(TestCase):
    """What happens when there is not even a first byte of the body."""

    async def test_something_else_is_answered(self) -> None:
        """Nothing that was to be said of the body is said of the error."""
        path = Path(self.mktemp())
        path.write_bytes(bytes(1000))
        representation = DiskFile(path, threads_of(reactor)).representation()
        resource = Responding(Content(representation, "a/b", "a", "private"))
        port = listen(self, site_of(resource, Observations()), Wire())
        os.truncate(path, 0)
        received = await exchange(
            port,
            b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\nConnection: close\r\n\r\n",
            Wire(),
        )
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 500 "), head)
        self.assertEqual(body, b"there is no body\n")
        names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertNotIn(b"content-range", names)
        self.assertNotIn(b"etag", names)
        self.assertIsInstance(resource.outcomes[0], EOFError)


class SendfileTroubleTests(TroubleTests):
    """The same, where the transport sends files by itself."""

    wire_type: type[Wire] = SendfileWire

    async def test_pipelined_requests_are_answered_in_order(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(random.Random(3).randbytes(3_000_000))
        file = DiskFile(path, threads_of(reactor))
        self.serve(file.representation())
        request = b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=%d-\r\n%s\r\n"
        received = await exchange(
            self.port,
            request % (10, b"")
            + request % (2_000_000, b"")
            + request % (5, b"Connection: close\r\n"),
            self.wire,
        )
        content = path.read_bytes()
        bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 206")]
        self.assertEqual(bodies[1:], [content[10:], content[2_000_000:], content[5:]])


class SenderTroubleTests(SendfileTroubleTests):
    """The same by threads."""

    wire_type = SenderWire


class TlsTroubleTests(SendfileTroubleTests):
    """The same over TLS."""

    wire_type = TlsWire
