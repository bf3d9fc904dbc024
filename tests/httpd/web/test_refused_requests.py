"""What follows a request that was refused: nothing, however its client goes on."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from typing import ClassVar

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.web.received_request import MAX_REQUEST_BODY
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource
from tests.httpd.web.serving import listen, site_of
from tests.transports import SendfileWire, TlsWire, Wire, server_identity

_SECONDS = 30.0


class Unanswered(Resource):
    """Counts requests, and leaves them waiting as a download without a slot does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def answer(self, request: ServiceRequest) -> None:
        self.asked += 1


class RefusedRequestTests(TestCase):
    """
    A client gets one answer, is asked nothing more, and is cut if it does not close.

    Over TLS what it sends after the refusal still arrives: that is read for its C{close_notify}.
    """

    wire: ClassVar[Wire] = SendfileWire()
    timeout = 20

    def setUp(self) -> None:
        self.resource, self.connections = Unanswered(), Connections(10)
        times = Times(header_seconds=_SECONDS, close_seconds=0.5)
        site = site_of(self.resource, connections=self.connections, times=times)
        self.port = listen(self, site, self.wire)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def talk(self, client: socket.socket, parts: list[bytes]) -> bytes:
        """Send the first part, wait for an answer, send the others, and do not close."""
        received = b""
        client.sendall(parts[0])
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in received:
                received += client.recv(65536) or b"\r\n\r\n"
        with contextlib.suppress(OSError):
            for part in parts[1:]:
                client.sendall(part)
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                received += data
        return received

    async def refused(self, *parts: bytes) -> bytes:
        with await deferToThread(self.connect) as client:
            received = await deferToThread(self.talk, client, list(parts))
            await self.connections.drain()
        self.assertEqual(self.resource.asked, 0)
        self.assertEqual(len(re.findall(rb"HTTP/1.1 \d", received)), 1, received)
        self.assertIn(b"Connection: close", received)
        return received

    async def test_field_that_is_none(self) -> None:
        rest = [b"a: b\r\n"] * 5 + [b"\r\n"] * 5
        received = await self.refused(b"GET / HTTP/1.1\r\nno field\r\nHost: a\r\n", *rest)
        self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)

    async def test_another_request(self) -> None:
        received = await self.refused(b"hello\r\n", *[b"GET / HTTP/1.1\r\n\r\n"] * 5)
        self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)

    async def test_line_without_end(self) -> None:
        rest = [b"GET / HTTP/1.1\r\n", *[b"\r\n"] * 5]
        received = await self.refused(b"GET /" + b"x" * 17000, *rest)
        self.assertTrue(received.startswith(b"HTTP/1.1 4"), received)

    async def test_large_body(self) -> None:
        body = bytes(MAX_REQUEST_BODY + 1)
        head = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        received = await self.refused(head, body, b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)

    async def test_large_body_at_once(self) -> None:
        body = bytes(MAX_REQUEST_BODY + 1)
        head = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        received = await self.refused(head + body, b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)

    async def test_large_chunks(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%b\r\n" % (MAX_REQUEST_BODY, bytes(MAX_REQUEST_BODY))
        sent = head + chunk + chunk + b"0\r\n\r\n"
        received = await self.refused(sent, b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)


class TlsRefusedRequestTests(RefusedRequestTests):
    """The same over TLS."""

    wire: ClassVar[Wire] = TlsWire()

    def connect(self) -> socket.socket:
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        return context.wrap_socket(super().connect(), server_hostname="localhost")
