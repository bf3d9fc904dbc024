"""Requests with limits, and what is told of each."""

from __future__ import annotations

import json
from collections.abc import Mapping

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.web.problems import Problem
from httpd.web.received_request import MAX_REQUEST_BODY
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource, TextResource
from httpd.web.routes import GET, UNNAMED, Route, Routes
from tests.httpd.web.serving import Observations, ask, exchange, listen, parsed, site_of

SECRET = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2VjcmV0"


class Failing(Resource):
    """Fails as a fault of our own does."""

    def answer(self, request: ServiceRequest) -> None:
        raise KeyError("our own fault")


class Refusing(Resource):
    """Refuses as a resource does that knows why."""

    def answer(self, request: ServiceRequest) -> None:
        request.facts["version"] = "1.2"
        request.refuse(Problem(422, "too large by half", {"X-Size": "3"}))


class SiteTests(TestCase):
    def setUp(self) -> None:
        root = Routes(
            [
                Route("/text", GET, TextResource("hello"), label=UNNAMED),
                Route("/failing", GET, Failing()),
                Route("/refusing", GET, Refusing()),
            ]
        )
        self.observed = Observations()
        self.port = listen(self, site_of(root, self.observed))
        self.events: list[LogEvent] = []
        observer: ILogObserver = self.events.append  # type: ignore[assignment]
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def log_lines(self) -> list[LogEvent]:
        return [event for event in self.events if "request_id" in event and "status" in event]

    async def test_get_and_head(self) -> None:
        get, head = await ask(self.port, "/text"), await ask(self.port, "/text", "HEAD")
        self.assertEqual((get.status, get.text), (200, "hello\n"))
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("content-length"), "6")

    async def test_other_methods(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
            answer = await ask(self.port, "/text", method)
            self.assertEqual((answer.status, answer.header("allow")), (405, "GET, HEAD"), method)
            self.assertIn("GET and HEAD", answer.text)

    async def test_nothing_there(self) -> None:
        for path in ("/", "/other", "/other/text", "//", "/%00"):
            answer = await ask(self.port, path)
            self.assertEqual(answer.status, 404, path)
            self.assertEqual(answer.text, "there is nothing at this path\n")

    async def test_problem_as_json(self) -> None:
        answer = await ask(
            self.port, "/refusing", headers={"Accept": "application/problem+json, */*;q=0.1"}
        )
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        self.assertEqual(answer.header("x-size"), "3")
        self.assertEqual(
            json.loads(answer.body),
            {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "too large by half",
            },
        )

    async def test_own_fault(self) -> None:
        answer = await ask(self.port, "/failing")
        self.assertEqual(answer.status, 500)
        self.assertNotIn("our own fault", answer.text)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_observed(self) -> None:
        await ask(self.port, "/refusing")
        await ask(self.port, "/text")
        self.assertEqual(self.observed.started, ["/refusing"])
        self.assertEqual(self.observed.ended, [("/refusing", "GET", 422, 18)])

    async def test_log_line(self) -> None:
        await ask(
            self.port,
            f"/refusing?api_key={SECRET}",
            headers={"Range": "bytes=0-1", "User-Agent": "UefiHttpBoot/1.0"},
        )
        (line,) = self.log_lines()
        for name, value in {
            "method": "GET",
            "route": "/refusing",
            "status": 422,
            "bytes": 18,
            "range": "bytes=0-1",
            "user_agent": "UefiHttpBoot/1.0",
            "version": "1.2",
            "aborted": False,
        }.items():
            self.assertEqual(line[name], value)
        self.assertNotIn(SECRET, repr(self.events))

    async def exchange_body(self, headers: Mapping[str, str], body: bytes) -> bytes:
        head = ["POST /text HTTP/1.1", "Host: a", "Connection: close"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        return await exchange(self.port, "\r\n".join([*head, "", ""]).encode() + body)

    async def test_small_body(self) -> None:
        received = await self.exchange_body({"Content-Length": "5"}, b"hello")
        self.assertTrue(received.startswith(b"HTTP/1.1 405 "))

    async def test_large_body_is_refused_before_it_comes(self) -> None:
        received = await self.exchange_body({"Content-Length": "1000000000"}, b"x" * 10)
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)
        self.assertIn(b"no body", received)

    async def test_large_body_is_not_waited_for(self) -> None:
        """Who is refused is not told to go on."""
        for length, word in (("5", b"100 Continue"), ("1000000000", b"413 ")):
            received = await self.exchange_body(
                {"Content-Length": length, "Expect": "100-continue"}, b"hello"
            )
            self.assertTrue(received.startswith(b"HTTP/1.1 " + word), received)
            self.assertEqual(received.count(b"100 Continue"), int(length == "5"))

    async def test_what_is_no_request(self) -> None:
        for sent in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno field\r\n\r\n"):
            answer = parsed(await exchange(self.port, sent))
            self.assertEqual((answer.status, answer.header("connection")), (400, "close"))
            self.assertEqual(answer.text, "this is no HTTP/1.1 request\n")
            self.assertEqual(answer.header("content-length"), str(len(answer.body)))

    async def test_asterisk(self) -> None:
        """The one request that is about no resource (RFC 9110, section 9.3.7)."""
        self.assertEqual((await ask(self.port, "*", "OPTIONS")).status, 200)
        get = await ask(self.port, "*")
        self.assertEqual((get.status, get.header("allow")), (405, "OPTIONS"))

    async def test_whole_uri(self) -> None:
        """As a proxy is asked: a server takes it, too (RFC 9112, section 3.2.2)."""
        for uri, status in {
            "http://127.0.0.1/text": 200,
            "HTTPS://a:1/text?x=http://b/c": 200,
            "http://a": 404,
            "a": 404,
        }.items():
            self.assertEqual((await ask(self.port, uri)).status, status, uri)

    async def test_connection_options(self) -> None:
        """Who says among others that it closes is not kept waiting for the end."""
        for options in ("close", "TE, Close", "close,x"):
            sent = f"GET /text HTTP/1.1\r\nHost: a\r\nConnection: {options}\r\n\r\n"
            received = await exchange(self.port, sent.encode())
            self.assertIn(b"\r\nconnection: close\r\n", received.lower())

    async def test_every_answer_is_dated(self) -> None:
        for path in ("/text", "/other"):
            answer = await ask(self.port, path)
            self.assertRegex(answer.header("date") or "", r"^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$")
            self.assertIsNotNone(answer.header("server"))

    async def test_large_chunked_body(self) -> None:
        chunks = b"1000\r\n" + bytes(4096) + b"\r\n"
        received = await self.exchange_body(
            {"Transfer-Encoding": "chunked"}, chunks * (MAX_REQUEST_BODY // 4096 + 1)
        )
        self.assertEqual(received.count(b"HTTP/1.1"), 1)
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)


class DeadlineTests(SynchronousTestCase):
    """Headers come within their time, however busy the client seems."""

    def setUp(self) -> None:
        self.clock = Clock()
        site = site_of(TextResource("hello"), clock=self.clock)
        self.transport = StringTransport()
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def test_a_byte_a_second(self) -> None:
        for byte in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 4:
            self.channel.dataReceived(bytes([byte]))
            self.clock.advance(1)
        self.assertFalse(self.transport.disconnected)
        self.clock.advance(5)
        self.assertTrue(self.transport.disconnected)

    def test_in_time(self) -> None:
        self.clock.advance(29)
        self.channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.clock.advance(29)
        self.assertIn(b"hello", self.transport.value())
        self.assertFalse(self.transport.disconnected)

    def test_the_next_request_slowly(self) -> None:
        self.channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.channel.dataReceived(b"GET / HT")
        for _ in range(100):
            self.clock.advance(1)
            self.channel.dataReceived(b"x")
        self.assertTrue(self.transport.disconnected)

    def test_no_timer_is_left(self) -> None:
        self.transport.loseConnection()
        self.channel.connectionLost()
        self.assertEqual([c for c in self.clock.getDelayedCalls() if c.active()], [])
