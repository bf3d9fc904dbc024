"""Answers with a representation, over real sockets."""

from __future__ import annotations

import email
import random
from email.message import Message
from pathlib import Path

from twisted.internet.defer import Deferred, DeferredList
from twisted.trial.unittest import TestCase

from httpd.concurrency.threads import threads_of
from httpd.representation.segments import BytesSegment, FileSegment, Representation, ZeroSegment
from httpd.streaming.disk import DiskFile
from httpd.web.respond import Content
from tests.httpd.web.responding import Responding
from tests.httpd.web.serving import (
    Answer,
    Observations,
    ask,
    listen,
    reactor,
    site_of,
)
from tests.transports import SenderWire, SendfileWire, TlsWire, Wire

MODIFIED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


class RespondTests(TestCase):
    """One representation of three kinds of segments, asked for in every way."""

    wire_type: type[Wire] = Wire

    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(random.Random(1).randbytes(3_000_000))
        file = DiskFile(path, threads_of(reactor))
        self.representation = Representation.of(
            FileSegment(file, 0, 1_000_000),
            BytesSegment(b"generated" * 1000),
            ZeroSegment(500_000),
            FileSegment(file, 1_600_000, 1_400_000),
        )
        stored = path.read_bytes()
        self.expected = (
            stored[:1_000_000] + b"generated" * 1000 + bytes(500_000) + stored[1_600_000:]
        )
        self.resource = Responding(
            Content(self.representation, "application/x", "a.iso", "private", MODIFIED)
        )
        self.observed = Observations()
        self.wire = self.wire_type()
        self.port = listen(self, site_of(self.resource, self.observed), self.wire)
        self.etag = self.resource.content.validators.etag

    def ask(self, method: str = "GET", version: str = "1.1", **headers: str) -> Deferred[Answer]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Deferred.fromCoroutine(ask(self.port, "/", method, named, version, self.wire))

    async def test_whole(self) -> None:
        answer = await self.ask()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body, self.expected)
        for name, value in {
            "content-length": str(len(self.expected)),
            "accept-ranges": "bytes",
            "content-type": "application/x",
            "content-disposition": 'attachment; filename="a.iso"',
            "cache-control": "private",
            "last-modified": DATE,
            "etag": self.etag,
        }.items():
            self.assertEqual(answer.header(name), value)
        self.assertRegex(self.etag, r'^"[0-9a-f]{32}"$')

    async def test_head(self) -> None:
        whole, head = await self.ask(), await self.ask("HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("content-length", "etag", "last-modified", "accept-ranges", "content-type"):
            self.assertEqual(head.header(name), whole.header(name))

    async def test_head_ignores_range(self) -> None:
        """RFC 9110, section 14.2: Range is defined for GET alone."""
        head = await self.ask("HEAD", range="bytes=0-9")
        self.assertEqual(
            (head.status, head.header("content-length")), (200, str(len(self.expected)))
        )

    async def test_http_1_0(self) -> None:
        answer = await self.ask(version="1.0")
        self.assertEqual((answer.status, answer.body), (200, self.expected))
        self.assertEqual(answer.header("content-length"), str(len(self.expected)))

    async def test_ranges_glued_together(self) -> None:
        """Cut at random places, the parts make up the whole."""
        cuts = sorted(random.Random(2).sample(range(1, len(self.expected)), 40))
        parts = []
        for start, stop in zip([0, *cuts], [*cuts, len(self.expected)], strict=True):
            answer = await self.ask(range=f"bytes={start}-{stop - 1}")
            self.assertEqual(answer.status, 206)
            self.assertEqual(
                answer.header("content-range"), f"bytes {start}-{stop - 1}/{len(self.expected)}"
            )
            self.assertEqual(answer.header("content-length"), str(stop - start))
            self.assertEqual(answer.header("etag"), self.etag)
            parts.append(answer.body)
        self.assertEqual(b"".join(parts), self.expected)

    async def test_suffix(self) -> None:
        answer = await self.ask(range="bytes=-7")
        self.assertEqual((answer.status, answer.body), (206, self.expected[-7:]))

    async def test_several_ranges(self) -> None:
        answer = await self.ask(range="bytes=0-9,999990-1000019,-5")
        self.assertEqual(answer.status, 206)
        self.assertEqual(answer.header("content-length"), str(len(answer.body)))
        self.assertIsNone(answer.header("content-range"))
        message = email.message_from_bytes(
            f"Content-Type: {answer.header('content-type')}\r\n\r\n".encode() + answer.body
        )
        parts: list[Message] = message.get_payload()  # type: ignore[assignment]
        total = len(self.expected)
        for part, (start, stop) in zip(
            parts, [(0, 10), (999_990, 1_000_020), (total - 5, total)], strict=True
        ):
            self.assertEqual(part["content-range"], f"bytes {start}-{stop - 1}/{total}")
            self.assertEqual(part["content-type"], "application/x")
            self.assertEqual(part.get_payload(decode=True), self.expected[start:stop])

    async def test_abuse_and_bad_syntax_give_everything(self) -> None:
        for ranges in ("bytes=" + "0-0," * 17, "bytes=0-9,5-20", "bytes=x", "lines=1-2"):
            answer = await self.ask(range=ranges)
            self.assertEqual((answer.status, len(answer.body)), (200, len(self.expected)))

    async def test_not_satisfiable(self) -> None:
        answer = await self.ask(range=f"bytes={len(self.expected)}-")
        self.assertEqual(answer.status, 416)
        self.assertEqual(answer.header("content-range"), f"bytes */{len(self.expected)}")
        self.assertTrue(answer.body)
        self.assertIsNone(answer.header("content-disposition"))

    async def test_if_range(self) -> None:
        for value, status in [
            (self.etag, 206),
            (DATE, 206),
            ('"other"', 200),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ]:
            answer = await self.ask(range="bytes=5-8", if_range=value)
            self.assertEqual(answer.status, status, value)
            expected = self.expected[5:9] if status == 206 else self.expected
            self.assertEqual(answer.body, expected)

    async def test_not_modified(self) -> None:
        for headers in ({"if_none_match": self.etag}, {"if_modified_since": DATE}):
            for method in ("GET", "HEAD"):
                answer = await self.ask(method, **headers)
                self.assertEqual((answer.status, answer.body), (304, b""))
                self.assertEqual(answer.header("etag"), self.etag)

    async def test_precondition_failed(self) -> None:
        for headers in (
            {"if_match": '"other"'},
            {"if_unmodified_since": "Sun, 06 Nov 1994 08:49:36 GMT"},
        ):
            answer = await self.ask(**headers)
            self.assertEqual(answer.status, 412)
            self.assertIn("precondition", answer.text)

    async def test_conditions_come_before_ranges(self) -> None:
        answer = await self.ask(range="bytes=0-1", if_none_match=self.etag)
        self.assertEqual(answer.status, 304)

    async def test_many_at_once(self) -> None:
        answers = await DeferredList(
            [self.ask(range=f"bytes={n * 1000}-") for n in range(30)], fireOnOneErrback=True
        )
        for number, (_, answer) in enumerate(answers):
            self.assertEqual(answer.body, self.expected[number * 1000 :])


class SendfileRespondTests(RespondTests):
    """The same, where the transport sends files by itself."""

    wire_type = SendfileWire


class SenderRespondTests(RespondTests):
    """The same by threads."""

    wire_type = SenderWire


class TlsRespondTests(RespondTests):
    """The same over TLS."""

    wire_type = TlsWire
