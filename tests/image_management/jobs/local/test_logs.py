"""Logs of jobs: their last lines, and who follows them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.local.logs import FileLog, append, last_lines
from tests.properties import given


class LogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = Path(self.mktemp())
        self.clock = Clock()
        self.goes_on = False

    def reader(self, tail: int | None = None) -> FileLog:
        reader = FileLog(self.log, self.clock, lambda: self.goes_on, tail)
        self.addCleanup(reader.close)
        return reader

    def rest(self, reader: FileLog) -> bytes:
        data = b""
        while piece := self.successResultOf(Deferred.fromCoroutine(reader.read())):
            data += piece
        return data

    @given(st.lists(st.text("ab", max_size=3), max_size=12), st.booleans(), st.integers(0, 14))
    def test_tail(self, lines: list[str], ended: bool, count: int) -> None:
        text = "\n".join(lines) + "\n" * ended
        self.log.write_text(text)
        expected = "".join(text.splitlines(keepends=True)[-count:] if count else [])
        self.assertEqual(self.rest(self.reader(count)), expected.encode())
        self.assertEqual(self.rest(self.reader()), text.encode())

    def test_long_tail(self) -> None:
        lines = [f"{number} {'x' * 5000}\n" for number in range(100)]
        self.log.write_text("".join(lines))
        for count in (1, 13, 14, 99, 100, 101):
            self.assertEqual(self.rest(self.reader(count)), "".join(lines[-count:]).encode())

    def test_followed(self) -> None:
        """What is written at the very end is read, too."""
        self.goes_on = True
        append(self.log, "one")
        reader = self.reader()
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(reader.read())), b"one\n")
        for text in ("two", "three"):
            more = Deferred.fromCoroutine(reader.read())
            self.clock.advance(0.5)
            self.assertNoResult(more)
            append(self.log, text)
            self.goes_on = text == "two"
            self.clock.advance(0.5)
            self.assertEqual(self.successResultOf(more), f"{text}\n".encode())
        self.assertEqual(self.rest(reader), b"")

    def test_last_lines(self) -> None:
        append(self.log, "before")
        began = self.log.stat().st_size
        for number in range(30):
            append(self.log, str(number))
        self.assertEqual(last_lines(self.log, 2), "28\n29")
        self.assertEqual(last_lines(self.log, 99, began).splitlines()[0], "0")
        append(self.log, "x" * 100_000)
        self.assertLess(len(last_lines(self.log, 20)), 20_000)
