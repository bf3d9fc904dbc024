"""
Header fields that come in several lines: a list is all of them (RFC 9110, section 5.3), and what is
no list has no value then that anybody goes by.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from httpd.representation.segments import Representation
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource
from httpd.web.respond import Content
from tests.httpd.web.responding import Responding
from tests.httpd.web.serving import Answer, ask, exchange, listen, parsed, site_of

BODY = b"0123456789"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"


class Refusing(Resource):
    """Refuses, in the form that the client likes best, and tells what it was sent."""

    def answer(self, request: ServiceRequest) -> None:
        request.refuse(Problem(422, request.getHeader("authorization") or "no"))


class RepeatedFieldTests(TestCase):
    def setUp(self) -> None:
        content = Content(
            Representation.from_bytes(BODY), "application/x", "a.iso", "private", 784111777
        )
        self.etag = content.validators.etag
        self.port = listen(self, site_of(Responding(content)))

    async def ask(self, *lines: str) -> Answer:
        head = ["GET / HTTP/1.1", "Host: a", "Connection: close", *lines, "", ""]
        return parsed(await exchange(self.port, "\r\n".join(head).encode()))

    async def check(self, *cases: tuple[list[str], int, bytes | None]) -> None:
        """
        Each with its lines in both orders.

        @param cases: of lines, status and body, where that is looked at.
        """
        for lines, status, body in cases:
            for ordered in (lines, lines[::-1]):
                answer = await self.ask(*ordered)
                self.assertEqual(answer.status, status, ordered)
                if body is not None:
                    self.assertEqual(answer.body, body, ordered)

    async def test_lists_of_entity_tags(self) -> None:
        mine, other = self.etag, '"other"'
        await self.check(
            ([f"If-Match: {mine}", f"If-Match: {other}"], 200, BODY),
            ([f"If-Match: {other}", "If-Match: W/x"], 412, None),
            ([f"If-None-Match: {mine}", f"If-None-Match: {other}"], 304, b""),
            ([f"If-None-Match: {other}", "If-None-Match:", f"if-none-match: W/{mine}"], 304, b""),
            ([f"If-None-Match: {other}", 'If-None-Match: "another"'], 200, BODY),
        )

    async def test_ranges(self) -> None:
        """Two sets of ranges are none; the halves of one that somebody has divided are one."""
        await self.check(
            (["Range: bytes=0-1", "Range: bytes=4-5"], 200, BODY),
            (["Range: bytes=0-1", "Range: lines=4-5"], 200, BODY),
            (["Range: bytes=0-1", "Range: bytes=0-1"], 200, BODY),
            (["Range: bytes=20-", "Range: bytes=0-1"], 200, BODY),
        )
        for lines in (["Range: bytes=0-1", "Range: 4-5"], ["Range: bytes=0-1, 4-5"]):
            answer = await self.ask(*lines)
            self.assertEqual(answer.status, 206, lines)
            for line in (b"bytes 0-1/10\r\n\r\n01\r\n", b"bytes 4-5/10\r\n\r\n45\r\n"):
                self.assertIn(line, answer.body)

    async def test_what_is_no_list(self) -> None:
        """Dates are ignored (sections 13.1.3 and 13.1.4); no version is two (13.1.5)."""
        part = "Range: bytes=0-1"
        await self.check(
            ([f"If-Modified-Since: {DATE}", f"If-Modified-Since: {DATE}"], 200, BODY),
            ([f"If-Unmodified-Since: {BEFORE}", f"If-Unmodified-Since: {DATE}"], 200, BODY),
            ([part, f"If-Range: {self.etag}", 'If-Range: "other"'], 200, BODY),
            ([part, f"If-Range: {self.etag}", f"If-Range: {self.etag}"], 200, BODY),
            ([part, f"If-Range: {DATE}", f"If-Range: {DATE}"], 200, BODY),
        )

    async def test_length_of_a_body(self) -> None:
        """Nobody can say where the request ends (RFC 9112, section 6.3)."""
        for length in ("0\r\nContent-Length: 0", "0\r\nContent-Length: 1", "0, 0"):
            answer = await self.ask(f"Content-Length: {length}")
            self.assertEqual(answer.status, 400, length)

    async def test_media_types(self) -> None:
        port = listen(self, site_of(Refusing()))
        problem = "application/problem+json"
        for types in (f"text/html\r\nAccept: {problem}", f"{problem}\r\naccept: text/html"):
            answer = await ask(port, "/", headers={"Accept": types})
            self.assertEqual(answer.header("content-type"), problem, types)

    async def test_credentials(self) -> None:
        """Who goes by one of them alone takes another for what the client is than a proxy did."""
        port = listen(self, site_of(Refusing()))
        answer = await ask(port, "/", headers={"Authorization": "Bearer a\r\nAuthorization: b"})
        self.assertEqual(answer.text, "Bearer a, b\n")
