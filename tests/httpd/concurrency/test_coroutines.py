"""Coroutines that are run until they wait."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.coroutines import begun


class BegunTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen: list[object] = []

    async def note(self, *awaited: Deferred[str]) -> None:
        for one in awaited:
            try:
                self.seen.append(await one)
            except ValueError as error:
                self.seen.append(error)
        self.seen.append("over")

    def test_nothing_to_wait_for(self) -> None:
        """What has come already is no reason to wait."""
        error = ValueError("no")
        self.assertIsNone(begun(self.note(succeed("a"), fail(error), succeed("b"))))
        self.assertEqual(self.seen, ["a", error, "b", "over"])

    def test_waits_more_than_once(self) -> None:
        first: Deferred[str] = Deferred()
        second: Deferred[str] = Deferred()
        rest = begun(self.note(first, succeed("between"), second))
        assert rest is not None
        self.assertEqual(self.seen, [])
        first.callback("first")
        self.assertEqual(self.seen, ["first", "between"])
        self.assertNoResult(rest)
        second.callback("second")
        self.assertEqual(self.seen, ["first", "between", "second", "over"])
        self.assertIsNone(self.successResultOf(rest))

    def test_failure_that_is_dealt_with(self) -> None:
        awaited: Deferred[str] = Deferred()
        rest = begun(self.note(awaited))
        assert rest is not None
        error = ValueError("late")
        awaited.errback(error)
        self.assertEqual(self.seen, [error, "over"])
        self.successResultOf(rest)

    def test_failure_that_is_not(self) -> None:
        awaited: Deferred[str] = Deferred()
        rest = begun(self.note(awaited))
        assert rest is not None
        awaited.errback(KeyError("late"))
        self.failureResultOf(rest, KeyError)
        self.assertEqual(self.seen, [])

    def test_error_before_it_waits(self) -> None:
        with self.assertRaises(KeyError):
            begun(self.note(fail(KeyError("at once"))))

    def test_cancelled(self) -> None:
        """What is waited for is cancelled, and the coroutine is told."""
        cancelled: list[object] = []
        awaited: Deferred[str] = Deferred(cancelled.append)
        rest = begun(self.note(awaited))
        assert rest is not None
        rest.cancel()
        self.assertEqual(cancelled, [awaited])
        self.failureResultOf(rest, CancelledError)
        self.assertEqual(self.seen, [])

    def test_cancelled_while_it_waits_again(self) -> None:
        first: Deferred[str] = Deferred()
        second: Deferred[str] = Deferred()
        rest = begun(self.note(first, second))
        assert rest is not None
        first.callback("first")
        rest.cancel()
        self.failureResultOf(rest, CancelledError)
        self.assertEqual(self.seen, ["first"])
