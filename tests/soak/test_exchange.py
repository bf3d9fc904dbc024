"""A client of the soak notices whatever is not as it should be."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.properties import given
from tests.soak.exchange import Fault, Visitor, first_difference
from tests.soak.references import Reference

_CONTENT = random.Random(0).randbytes(50_000)
_WANTED = [(40_000, 100), (7, 2000)]


class _Nobody:
    """A server that is not asked."""

    ports: Mapping[str, int] = {}


class ExchangeTests(SynchronousTestCase):
    """What is sent over a socket is what a service might send."""

    def setUp(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(_CONTENT)
        self.reference = Reference.of("/any", '"tag"', file)
        self.visitor = Visitor(_Nobody(), [self.reference], random.Random(0))

    def take(self, body: bytes, *fields: str, promised: int = len(_CONTENT)) -> None:
        """Take a whole product."""
        head = [f"Content-Length: {promised}", *(fields or ['ETag: "tag"'])]
        with self.sent("200 OK", head, body) as connection:
            response = self.visitor.answer(connection)
            self.visitor.expect_whole(response, self.reference)
            self.visitor.take(response, self.reference, 0, len(_CONTENT), piece=10_000)

    def take_parts(self, body: bytes) -> None:
        head = [f"Content-Length: {len(body)}", "Content-Type: multipart/byteranges; boundary=B"]
        with self.sent("206 Partial Content", head, body) as connection:
            response = self.visitor.answer(connection)
            self.visitor.take_parts(response, self.reference, _WANTED)

    def sent(self, status: str, fields: list[str], body: bytes) -> socket.socket:
        """Where an answer has come, and then the end."""
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with theirs:
            theirs.sendall("\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode() + body)
        return ours

    def assert_fault(self, words: str, body: bytes, *fields: str) -> None:
        self.assertIn(words, str(self.assertRaises(Fault, self.take, body, *fields)))

    def test_right(self) -> None:
        self.take(_CONTENT)
        self.assertEqual(self.visitor.tally.checked, len(_CONTENT))
        self.assertEqual(self.visitor.tally.promised, len(_CONTENT))

    @given(st.integers(0, len(_CONTENT) - 1), st.integers(1, 255))
    def test_wrong_byte(self, position: int, change: int) -> None:
        """Wherever it is and whatever it is; it does not count as checked."""
        before = self.visitor.tally.checked
        self.assert_fault(f"wrong byte at {position}", _with_wrong_byte(_CONTENT, position, change))
        self.assertLessEqual(self.visitor.tally.checked - before, position)

    def test_shifted(self) -> None:
        self.assert_fault("wrong byte at 0", _CONTENT[1:] + _CONTENT[:1])

    def test_cut(self) -> None:
        self.assert_fault("too early", _CONTENT[:-1])

    def test_wrong_head(self) -> None:
        self.assert_fault("etag", _CONTENT, 'ETag: "other"')
        self.assertRaises(Fault, self.take, _CONTENT, promised=len(_CONTENT) - 1)

    def test_parts(self) -> None:
        self.take_parts(_parts())
        self.assertEqual(self.visitor.tally.checked, 2100)

    def test_wrong_parts(self) -> None:
        """A wrong byte in each, another place, another order, no end, and something behind it."""
        parts = _parts()
        for start, _ in _WANTED:
            piece = _CONTENT[start : start + 50]
            wrong = parts.replace(piece, _with_wrong_byte(piece, 49, 1))
            self.assertRaises(Fault, self.take_parts, wrong)
        for wrong in (
            parts.replace(b"bytes 7-", b"bytes 8-"),
            _parts(reverse=True),
            parts.removesuffix(b"--B--\r\n"),
            parts + b"any",
        ):
            self.assertRaises(Fault, self.take_parts, wrong)

    def test_first_difference(self) -> None:
        self.assertEqual([first_difference(b"abc", other) for other in (b"abd", b"ab")], [2, 2])
        self.assertRaises(ValueError, first_difference, b"a", b"a")


def _with_wrong_byte(content: bytes, position: int, change: int) -> bytes:
    wrong = bytes([content[position] ^ change])
    return content[:position] + wrong + content[position + 1 :]


def _parts(*, reverse: bool = False) -> bytes:
    """The body of a multipart answer, as RFC 9110, section 14.6, has it."""
    ranges = _WANTED[::-1] if reverse else _WANTED
    return (
        b"".join(
            b"--B\r\nContent-Type: any/any\r\n"
            + f"Content-Range: bytes {start}-{start + length - 1}/{len(_CONTENT)}\r\n\r\n".encode()
            + _CONTENT[start : start + length]
            + b"\r\n"
            for start, length in ranges
        )
        + b"--B--\r\n"
    )
