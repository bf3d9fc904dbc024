"""Requests that are no HTTP/1.1, or not in order: each refused at once, and in the same way."""

from __future__ import annotations

from twisted.internet.endpoints import connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from httpd.http1.connections import Connections
from httpd.web.problems import PROBLEM_JSON
from httpd.web.resource import TextResource
from httpd.web.routes import GET, Route, Routes
from tests.httpd.web.serving import (
    CLEAR,
    Answer,
    Collecting,
    Lines,
    Observations,
    exchange,
    listen,
    parsed,
    reactor,
    site_of,
)

_ACCEPT = b"Accept: application/problem+json\r\n"
_GET = b"GET /text HTTP/1.1\r\n"
_HOST = b"Host: a\r\n"


class WrongRequestTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        routes = Routes([Route("/text", GET, TextResource("hello"))])
        self.observed = Observations()
        self.connections = Connections(10)
        site = site_of(routes, self.observed, connections=self.connections)
        self.lines = site.request_log = Lines()
        self.port = listen(self, site)

    async def refused(
        self, sent: bytes, status: int, route: str = "/text", told: str | None = None
    ) -> Answer:
        """
        The answer to something that is refused before the client has closed or sent more.

        It has a line of the log, an observation, and all that any answer has.

        @param told: what the log says of a path that has no route.
        """
        answer = parsed(await exchange(self.port, sent))
        self.assertEqual((answer.status, answer.header("connection")), (status, "close"), sent)
        self.assertEqual(answer.header("content-length"), str(len(answer.body)))
        self.assertIsNotNone(answer.header("date"))
        line = self.lines.written[-1]
        expected = (status, told or route, len(answer.body))
        self.assertEqual((line["status"], line["route"], line["bytes"]), expected, sent)
        self.assertEqual(self.observed.started[-1], route)
        self.assertEqual(self.observed.ended[-1][0::2], (route, status))
        self.assertEqual(len(self.observed.started), len(self.observed.ended))
        return answer

    async def served(self, sent: bytes) -> Answer:
        answer = parsed(await exchange(self.port, sent))
        self.assertEqual((answer.status, answer.text), (200, "hello\n"), sent)
        return answer

    async def test_host(self) -> None:
        """RFC 9112, section 3.2."""
        end = b"Connection: close\r\n\r\n"
        for fields in (b"", _HOST * 2, _HOST + b"host: b\r\n", b"Host: a/b\r\n", b"Host: a, b\r\n"):
            answer = await self.refused(_GET + fields + end, 400)
            self.assertIn("Host", answer.text)
        await self.refused(b"GET /text HTTP/1.0\r\n" + _HOST * 2 + b"\r\n", 400)
        for sent in (_GET + _HOST + end, _GET + b"Host:\r\n" + end, b"GET /text HTTP/1.0\r\n\r\n"):
            await self.served(sent)

    async def test_versions(self) -> None:
        """A later minor version is the highest that is known (RFC 9110, section 2.5)."""
        for version in (b"HTTP/1.2", b"HTTP/1.9"):
            request = b"GET /text %b\r\n%b\r\n" % (version, _HOST)
            last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            received = await exchange(self.port, request + last)
            self.assertEqual(received.count(b"HTTP/1.1 200 "), 2, received)
            await self.refused(b"GET /text %b\r\n\r\n" % version, 400)
        for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0"):
            answer = await self.refused(b"GET /text %b\r\n%b\r\n" % (version, _HOST), 505, "-")
            self.assertIn("HTTP/1.1", answer.text)
        await self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "-")
        for version in (b"HTTP/1.", b"HTTP/11", b"HTTP/1.10", b"http/1.1", b"HTTPS/1.1"):
            await self.refused(b"GET /text %b\r\n%b\r\n" % (version, _HOST), 400, "-")

    async def test_lines_without_cr(self) -> None:
        """At once, wherever the first of them is."""
        for sent, route in (
            (b"GET /text HTTP/1.1\nHost: a\n\n", "-"),
            (b"GET /text HTTP/1.0\n\n", "-"),
            (b"GET /text HTTP/1.1\n", "-"),
            (b"GET /text HTTP/1.1\nHost: a\r\n\r\n", "-"),
            (b"\n", "-"),
            (_GET + b"Host: a\n\n", "/text"),
            (_GET + _HOST + b"\n", "/text"),
        ):
            await self.refused(sent, 400, route)

    async def test_in_pieces(self) -> None:
        """Lines that come in pieces end with CR LF wherever they are cut."""
        client: Collecting = await connectProtocol(CLEAR.endpoint(self.port), Collecting())
        assert client.transport is not None
        for byte in _GET + _HOST + b"Connection: close\r\n\r\n":
            client.transport.write(bytes([byte]))
            await deferLater(reactor, 0)
        self.assertEqual(parsed(await client.closed).status, 200)

    async def test_transfer_codings(self) -> None:
        """RFC 9112, section 6.1: nobody can tell where such a body ends."""
        for coding in (b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"", b"chunkedx"):
            for name in (b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING"):
                sent = b"POST /text HTTP/1.1\r\n%b%b: %b\r\n\r\n" % (_HOST, name, coding)
                await self.refused(sent, 501)
        head = b"POST /text HTTP/1.1\r\nConnection: close\r\n" + _HOST
        for coding in (b"chunked", b" Chunked\t", b"\r\n chunked"):
            sent = head + b"Transfer-Encoding:%b\r\n\r\n0\r\n\r\n" % coding
            self.assertEqual(parsed(await exchange(self.port, sent)).status, 405, coding)
        for other in (b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"):
            await self.refused(head + b"Transfer-Encoding: chunked\r\n" + other + b"\r\n", 400)

    async def test_size(self) -> None:
        """However it comes to be too large."""
        await self.refused(b"GET /" + b"x" * 17_000, 414, "-")
        await self.refused(_GET + b"x: " + b"x" * 17_000, 431)
        await self.refused(_GET + _HOST + b"x: %b\r\n" % (b"x" * 999) * 17 + b"\r\n", 431)
        await self.refused(_GET + _HOST + b"x: y\r\n" * 5_000 + b"\r\n", 431)
        half = b"x" * 9_000
        await self.refused(b"GET /%b HTTP/1.1\r\nx: %b\r\n\r\n" % (half, half), 431, "-", "/...")
        await self.served(_GET + _HOST + b"x: y\r\n" * 3_000 + b"Connection: close\r\n\r\n")

    async def test_what_is_no_request(self) -> None:
        for sent, route in (
            (b"hello\r\n\r\n", "-"),
            (b"GET /text\r\n\r\n", "-"),
            (b"GET  /text HTTP/1.1\r\n\r\n", "-"),
            (_GET + b"no field\r\n\r\n", "/text"),
            (_GET + b"a : b\r\n\r\n", "/text"),
            (_GET + b"a: \0\r\n\r\n", "/text"),
        ):
            await self.refused(sent, 400, route)
        await self.refused(b"GET /other HTTP/1.1\r\nno field\r\n\r\n", 400, "-", "/other")

    async def test_problem_details(self) -> None:
        """For who has asked for them before the fault."""
        for sent, status in (
            (_GET + _ACCEPT + b"no field\r\n\r\n", 400),
            (_GET + _ACCEPT + b"\r\n", 400),
            (_GET + _ACCEPT + b"User-Agent: a\r\nHost: a\n\n", 400),
            (_GET + _ACCEPT + b"Transfer-Encoding: gzip\r\n\r\n", 501),
            (_GET + _ACCEPT + b"User-Agent: a\r\nx: " + b"x" * 17_000, 431),
            (_GET + _ACCEPT + _HOST + b"Content-Length: 99999\r\n\r\n", 413),
        ):
            answer = await self.refused(sent, status)
            self.assertEqual(answer.header("content-type"), PROBLEM_JSON, sent)

    async def test_methods_of_metrics(self) -> None:
        """Whatever clients write there, metrics have no more than a few."""
        for method in (b"X%d" % number for number in range(3)):
            await self.refused(method + b" /text HTTP/1.1\r\n\r\n", 400)
        self.assertEqual({ended[1] for ended in self.observed.ended}, {"-"})
        self.assertEqual(self.lines.written[-1]["method"], "X2")
