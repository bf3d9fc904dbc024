"""Blocking work that may hang."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.threads import RunInThread
from httpd.concurrency.turns import Turns


class TurnsTests(SynchronousTestCase):
    """One at a time about each thing, each for ten seconds."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.running: list[tuple[str, Deferred[str]]] = []
        self.turns = Turns(cast(RunInThread, self.run_in_thread), self.clock, 10)

    def run_in_thread(self, function: Any, name: str) -> Deferred[str]:
        ended: Deferred[str] = Deferred()
        self.running.append((name, ended))
        return ended

    def begin(self, about: str, name: str) -> Deferred[str]:
        return Deferred.fromCoroutine(self.turns.run(about, str, name))

    def assert_began(self, *names: str) -> None:
        self.assertEqual([name for name, _ in self.running], list(names))

    def end(self, number: int, result: Any = "done") -> None:
        self.running[number][1].callback(result)

    def test_result(self) -> None:
        first, second = self.begin("x", "a"), self.begin("y", "b")
        self.end(0, "one")
        self.running[1][1].errback(ValueError("two"))
        self.assertEqual(self.successResultOf(first), "one")
        self.failureResultOf(second, ValueError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_at_a_time_about_each_thing(self) -> None:
        answers = [self.begin("x", "a"), self.begin("x", "b"), self.begin("y", "c")]
        self.assert_began("a", "c")
        self.end(0)
        self.assert_began("a", "c", "b")
        self.end(2)
        self.end(1)
        for answer in answers:
            self.assertEqual(self.successResultOf(answer), "done")

    def test_too_slow(self) -> None:
        """Those in the queue have waited, too; the next comes when the thread has come back."""
        answers = [self.begin("x", "a"), self.begin("x", "b")]
        self.clock.advance(9)
        third = self.begin("x", "c")
        self.clock.advance(1)
        for answer in answers:
            self.assertEqual(
                str(self.failureResultOf(answer, TimeoutError).value), "not within 10 s"
            )
        self.assertNoResult(third)
        self.assert_began("a")
        self.end(0)
        self.assert_began("a", "c")
        self.end(1)
        self.assertEqual(self.successResultOf(third), "done")

    def test_fails_when_nobody_waits_any_more(self) -> None:
        """Nobody is told."""
        answer = self.begin("x", "a")
        self.clock.advance(10)
        self.failureResultOf(answer, TimeoutError)
        self.running[0][1].errback(ValueError())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelled(self) -> None:
        """Whoever has its turn, and whoever waits for it; the turn lasts as long as the thread."""
        first, second, third = (self.begin("x", name) for name in "abc")
        for answer in (second, first):
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assert_began("a")
        self.end(0)
        self.assert_began("a", "c")
        self.end(1)
        self.assertEqual(self.successResultOf(third), "done")

    def test_nothing_is_kept_of_what_is_over(self) -> None:
        for number, end in enumerate((lambda: self.end(0), lambda: self.end(1))):
            answer = self.begin(str(number), "a")
            end()
            self.successResultOf(answer)
        self.assertEqual(self.turns._turns, {})
