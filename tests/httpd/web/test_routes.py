"""The table of routes: who answers which path, by which methods, and what is told of it."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.field_errors import Errors
from httpd.web.problems import PLAIN, PROBLEM_JSON, Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource, TextResource
from httpd.web.routes import GET, UNNAMED, Route, Routes
from tests.httpd.web.serving import (
    Answer,
    Lines,
    Observations,
    ask,
    exchange,
    listen,
    parsed,
    site_of,
)
from tests.properties import given

NOBODY = Resource()


class Echo(Resource):
    """Tells what it was asked."""

    def answer(self, request: ServiceRequest) -> None:
        told = [request.method.decode(), *request.path_values, request.body.decode("latin-1")]
        request.finish_with(json.dumps(told).encode(), "application/json")


class Wrong(Resource):
    """Says of fields what is wrong with them."""

    def answer(self, request: ServiceRequest) -> None:
        errors: Errors = {"name": ["is missing"], "link": {"path": ["is no S3 URL"]}}
        request.refuse(Problem(422, "the record is wrong", errors=errors))


parts = st.sampled_from(("a", "b", ":x", ":y"))
patterns = st.lists(parts, min_size=1, max_size=3).map(lambda found: "/" + "/".join(found))


class FindTests(SynchronousTestCase):
    """Which route is a path's."""

    def found(self, path: str, *table: str) -> tuple[str, list[str]] | None:
        routes = Routes([Route(pattern, GET, NOBODY) for pattern in table])
        found = routes.find(path.removeprefix("/").split("/"))
        return None if found is None else (found[0].pattern, [*found[1]])

    def test_literal(self) -> None:
        self.assertEqual(self.found("/a/b", "/a", "/a/b"), ("/a/b", []))

    def test_parameters(self) -> None:
        """In the order in which they stand in the path."""
        self.assertEqual(self.found("/a/1/b/2", "/a/:x/b/:y"), ("/a/:x/b/:y", ["1", "2"]))

    def test_ends_of_parameters(self) -> None:
        """A parameter with an end is meant by what has that, and something before it."""
        table = "/a/:x", "/a/:x.sum", "/a/b.sum", "/a/:x.sum/c"
        for path, pattern, values in (
            ("/a/1.sum", "/a/:x.sum", ["1"]),
            ("/a/1.iso.sum", "/a/:x.sum", ["1.iso"]),
            ("/a/.sum", "/a/:x", [".sum"]),
            ("/a/1.sum2", "/a/:x", ["1.sum2"]),
            ("/a/b.sum", "/a/b.sum", []),
            ("/a/1.sum/c", "/a/:x.sum/c", ["1"]),
        ):
            self.assertEqual(self.found(path, *table), (pattern, values), path)
        self.assertIsNone(self.found("/a/1/c", *table))
        self.assertIsNone(self.found("/a/1", "/a/:x.sum"))

    def test_nothing_there(self) -> None:
        for path in ("/", "/a", "/a/1/c", "/a/1/b/", "/a/1/b/c"):
            self.assertIsNone(self.found(path, "/a/:x/b"), path)

    def test_literal_before_parameter(self) -> None:
        table = "/nodes/:name", "/nodes/status", "/nodes/status/:name"
        self.assertEqual(self.found("/nodes/status", *table), ("/nodes/status", []))
        self.assertEqual(self.found("/nodes/x", *table), ("/nodes/:name", ["x"]))
        self.assertEqual(self.found("/nodes/status/x", *table), ("/nodes/status/:name", ["x"]))

    def test_empty_part(self) -> None:
        """It is no name of anything: who puts a slash behind a path asks for something else."""
        for path in ("/a/", "/a//b", "/a/x/"):
            self.assertIsNone(self.found(path, "/a", "/a/:x", "/a/:x/b"), path)

    def test_the_same_path_twice(self) -> None:
        with self.assertRaises(ValueError):
            self.found("/", "/a/:x", "/a/:y")

    @given(st.lists(patterns, max_size=6, unique_by=lambda one: one.replace(":y", ":x")))
    def test_each_is_found(self, table: list[str]) -> None:
        """By a path whose parts for its parameters are no literal ones."""
        for pattern in table:
            path = pattern.replace(":x", "1").replace(":y", "2")
            found = self.found(path, *table)
            assert found is not None
            self.assertEqual(found[0].replace(":y", ":x"), pattern.replace(":y", ":x"))
            self.assertEqual(found[1], [part for part in path.split("/") if part in {"1", "2"}])


class AnswerTests(TestCase):
    """What comes of a request."""

    most_body_bytes: int | None = 100
    problem_types = (PROBLEM_JSON, PLAIN)

    def setUp(self) -> None:
        table = (
            Route("/live", GET, TextResource("alive"), label=UNNAMED),
            Route("/records/:id", (*GET, b"PATCH", b"OPTIONS"), Echo()),
            Route("/records", (*GET, b"POST"), Wrong(), label="/all"),
        )
        self.observed = Observations()
        site = site_of(Routes(table), self.observed)
        site.most_body_bytes, site.problem_types = self.most_body_bytes, self.problem_types
        self.lines = site.request_log = Lines()
        self.port = listen(self, site)

    async def send(self, head: str, body: bytes = b"") -> Answer:
        fields = f"{head}\r\nHost: a\r\nConnection: close\r\n\r\n"
        return parsed(await exchange(self.port, fields.encode() + body))

    def assert_problem(self, answer: Answer, status: int, text: str) -> None:
        self.assertEqual(answer.header("content-type"), PROBLEM_JSON)
        problem = json.loads(answer.body)
        self.assertEqual((answer.status, problem["status"]), (status, status))
        self.assertIn(text, problem["detail"])

    async def test_values_and_body(self) -> None:
        answer = await self.send("PATCH /records/7%2F8 HTTP/1.1\r\nContent-Length: 5", b"hello")
        self.assertEqual(json.loads(answer.body), ["PATCH", "7/8", "hello"])

    async def test_chunked_body(self) -> None:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (b"he", b"llo", b""))
        answer = await self.send("PATCH /records/7 HTTP/1.1\r\nTransfer-Encoding: chunked", chunks)
        self.assertEqual(json.loads(answer.body), ["PATCH", "7", "hello"])

    async def test_head(self) -> None:
        answer = await ask(self.port, "/records/7", "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    async def test_wrong_method(self) -> None:
        """The answer says which are right, for this path."""
        for path, allow, words in (
            ("/live", "GET, HEAD", "GET and HEAD"),
            ("/records", "GET, HEAD, POST", "GET, HEAD and POST"),
            ("/records/7", "GET, HEAD, PATCH, OPTIONS", "GET, HEAD, PATCH and OPTIONS"),
        ):
            answer = await ask(self.port, path, "DELETE")
            self.assert_problem(answer, 405, words)
            self.assertEqual(answer.header("allow"), allow)

    async def test_options(self) -> None:
        answer = await ask(self.port, "/records/7", "OPTIONS")
        self.assertEqual(
            (answer.status, answer.header("allow"), answer.body),
            (200, "GET, HEAD, PATCH, OPTIONS", b""),
        )

    async def test_errors_of_fields(self) -> None:
        self.assertEqual(
            json.loads((await ask(self.port, "/records")).body)["errors"],
            {"name": ["is missing"], "link": {"path": ["is no S3 URL"]}},
        )
        plain = await ask(self.port, "/records", headers={"Accept": "text/plain"})
        self.assertEqual(plain.header("content-type"), "text/plain; charset=utf-8")
        self.assertEqual(
            plain.text,
            "the record is wrong\nname: is missing\nlink.path: is no S3 URL\n",
        )

    async def test_body_as_large_as_may_be(self) -> None:
        answer = await self.send("PATCH /records/7 HTTP/1.1\r\nContent-Length: 100", bytes(100))
        self.assertEqual(json.loads(answer.body)[2], "\0" * 100)

    async def test_body_too_large(self) -> None:
        """Told before it comes, where it says how large it is; and counted where it belongs."""
        answer = await self.send("PATCH /records/7 HTTP/1.1\r\nContent-Length: 101")
        self.assert_problem(answer, 413, "expected at most 100 bytes")
        self.assertEqual(answer.header("connection"), "close")
        chunk = b"65\r\n" + bytes(101) + b"\r\n0\r\n\r\n"
        answer = await self.send("PATCH /records/7 HTTP/1.1\r\nTransfer-Encoding: chunked", chunk)
        self.assert_problem(answer, 413, "expected at most 100 bytes")
        self.assertEqual(self.observed.started, ["/records/:id"] * 2)
        self.assertEqual(
            [one[:3] for one in self.observed.ended], [("/records/:id", "PATCH", 413)] * 2
        )

    async def test_labels(self) -> None:
        for path in ("/live", "/records", "/records/7", "/other"):
            await ask(self.port, path)
        labels = [line["route"] for line in self.lines.written]
        self.assertEqual(labels, ["/live", "/all", "/records/:id", "/other"])
        self.assertEqual(self.observed.started, ["/all", "/records/:id"])
