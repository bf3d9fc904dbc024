"""Resources that are answered whole."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from httpd.web.answered import Answered, Reply
from httpd.web.json_body import json_body
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.routes import GET, Route, Routes
from tests.httpd.web.serving import CLEAR, Collecting, ask, exchange, head_of, listen, site_of

LONG = b"0123456789abcdef" * 256 * 1024


class Said(Answered):
    """Answers with whatever it is told to."""

    def __init__(self, *said: Reply | Exception) -> None:
        self._said = list(said)

    async def reply(self, request: ServiceRequest) -> Reply:
        said = self._said.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


class Waiting(Answered):
    """
    Answers when the test says so.

    @ivar begun: fires when it has begun.
    @ivar over: fires with what has become of it.
    """

    def __init__(self) -> None:
        self.begun: Deferred[None] = Deferred()
        self.over: Deferred[str] = Deferred()
        self.go_on: Deferred[Reply] = Deferred()

    async def reply(self, request: ServiceRequest) -> Reply:
        self.begun.callback(None)
        try:
            reply = await self.go_on
        except CancelledError:
            self.over.callback("given up")
            raise
        except Exception:
            self.over.callback("failed")
            raise
        self.over.callback("done")
        return reply


class Full(StringTransport):
    """Has enough with each write."""

    def writeSequence(self, data: Iterable[bytes]) -> None:
        super().writeSequence(data)
        assert self.producer is not None
        self.producer.pauseProducing()


class Echo(Answered):
    async def reply(self, request: ServiceRequest) -> Reply:
        return Reply(repr(json_body(request)).encode())


class AnsweredTests(TestCase):
    def listen(self, resource: Answered) -> int:
        methods = (*GET, b"POST", b"DELETE")
        site = site_of(Routes([Route("/x", methods, resource)]))
        site.most_body_bytes = 1000
        return listen(self, site)

    async def test_reply(self) -> None:
        port = self.listen(Said(Reply(b"{}", 201, headers={"Warning": '299 - "x"'})))
        answer = await ask(port, "/x", "POST")
        self.assertEqual((answer.status, answer.body), (201, b"{}"))
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertEqual(answer.header("content-length"), "2")
        self.assertEqual(answer.header("warning"), '299 - "x"')
        self.assertEqual(answer.header("cache-control"), "no-store")

    async def test_no_content(self) -> None:
        """It has a type, as clients want it, and no length (RFC 9110, section 8.6)."""
        answer = await ask(self.listen(Said(Reply(status=204))), "/x", "DELETE")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertIsNone(answer.header("content-length"))

    async def test_long(self) -> None:
        """It is sent whole, and only described to HEAD."""
        port = self.listen(Said(*[Reply(LONG)] * 2))
        answer = await ask(port, "/x")
        self.assertTrue(answer.body == LONG)
        self.assertEqual(answer.header("content-length"), str(len(LONG)))
        head = await ask(port, "/x", "HEAD")
        self.assertEqual((head.body, head.header("content-length")), (b"", str(len(LONG))))

    def test_long_at_the_clients_pace(self) -> None:
        """What the client does not take waits in the reply, and not in the transport, too."""
        site = site_of(Routes([Route("/x", GET, Said(Reply(LONG)))]))
        channel, transport = site.buildProtocol(None), Full()
        channel.makeConnection(transport)
        channel.dataReceived(head_of("/x", {"Host": "x"}))
        self.assertGreater(len(LONG), 2 * len(transport.value()))
        while not transport.value().endswith(LONG):
            channel.resumeProducing()
        channel.connectionLost()

    async def test_problem(self) -> None:
        answer = await ask(self.listen(Said(Problem(409, "busy", {"Retry-After": "1"}))), "/x")
        self.assertEqual((answer.status, answer.text), (409, "busy\n"))
        self.assertEqual(answer.header("retry-after"), "1")

    async def test_own_fault(self) -> None:
        answer = await ask(self.listen(Said(KeyError("secret"))), "/x")
        self.assertEqual(answer.status, 500)
        self.assertNotIn("secret", answer.text)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def client(self, port: int, method: str) -> Collecting:
        protocol: Collecting = await connectProtocol(CLEAR.endpoint(port), Collecting())
        assert protocol.transport is not None
        protocol.transport.write(head_of("/x", {"Host": "x", "Connection": "close"}, method))
        return protocol

    async def leave(self, resource: Waiting, method: str) -> None:
        """Ask, and leave before there is an answer."""
        port = self.listen(resource)
        protocol = await self.client(port, method)
        await resource.begun
        assert protocol.transport is not None
        protocol.transport.abortConnection()  # type: ignore[attr-defined]
        await protocol.closed
        # A second connection that is answered: the server has seen the first one's end.
        await ask(port, "/nothing")

    async def test_reading_ends_when_the_client_leaves(self) -> None:
        resource = Waiting()
        await self.leave(resource, "GET")
        self.assertEqual(await resource.over, "given up")

    async def test_writing_goes_on_when_the_client_leaves(self) -> None:
        resource = Waiting()
        await self.leave(resource, "POST")
        self.assertNoResult(resource.over)
        resource.go_on.callback(Reply(LONG))
        self.assertEqual(await resource.over, "done")

    async def test_failing_when_the_client_has_left(self) -> None:
        for error in (Problem(502, "no"), KeyError("own fault")):
            resource = Waiting()
            await self.leave(resource, "DELETE")
            resource.go_on.errback(error)
            self.assertEqual(await resource.over, "failed")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def post(self, body: bytes, content_type: str | None = "application/json") -> str:
        """What comes of a body: status and text."""
        fields = {"Host": "x", "Connection": "close", "Content-Length": str(len(body))}
        if content_type is not None:
            fields["Content-Type"] = content_type
        response = await exchange(self.listen(Echo()), head_of("/x", fields, "POST") + body)
        head, _, text = response.decode().partition("\r\n\r\n")
        return f"{head.split(' ')[1]} {text}"

    async def test_json_body(self) -> None:
        nothing = "400 the body is empty; expected a JSON object\n"
        for kind in ("application/json", "Application/JSON; charset=utf-8"):
            self.assertEqual(await self.post(b'{"a": [1]}', kind), "200 {'a': [1]}")
        for empty in (b"", b"null", b"{}", b"[]", b" "):
            self.assertEqual(await self.post(empty), nothing, empty)
        self.assertEqual(await self.post(b"", None), nothing)
        for wrong in ("text/plain", "application/jsonp", ""):
            answer = await self.post(b"{", wrong)
            self.assertTrue(answer.startswith("415 "), answer)
            self.assertIn("expected Content-Type: application/json", answer)
        self.assertTrue((await self.post(b"{}", None)).startswith("415 the body has no type"))
        self.assertTrue((await self.post(b"{")).startswith("400 the body is not valid JSON"))
        self.assertTrue((await self.post(b" " * 1001)).startswith("413 "))
