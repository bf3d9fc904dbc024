"""Work that is done once for all who wait for it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.joint import JointWork


class JointWorkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept: list[tuple[str, int]] = []
        self.begun: list[Deferred[int]] = []
        self.works: JointWork[str, int] = JointWork(lambda *result: self.kept.append(result))

    def begin(self) -> Deferred[int]:
        self.begun.append(Deferred())
        return self.begun[-1]

    def test_by_key(self) -> None:
        waiting = [self.works.join(key, self.begin) for key in ("a", "a", "b")]
        self.assertEqual(len(self.begun), 2)
        self.assertIn("a", self.works)
        self.begun[0].callback(1)
        self.assertNotIn("a", self.works)
        self.assertEqual([self.successResultOf(each) for each in waiting[:2]], [1, 1])
        self.assertEqual(self.kept, [("a", 1)])
        self.assertNoResult(waiting[2])
        self.begun[1].callback(2)
        self.assertEqual(self.successResultOf(waiting[2]), 2)

    def test_over_at_once(self) -> None:
        self.assertEqual(self.successResultOf(self.works.join("a", lambda: succeed(7))), 7)
        failed = self.works.join("a", lambda: fail(OSError()))
        self.failureResultOf(failed, OSError)
        self.assertEqual(self.kept, [("a", 7)])
        self.assertNotIn("a", self.works)

    def test_fails_for_all(self) -> None:
        waiting = [self.works.join("a", self.begin) for _ in range(2)]
        self.begun[0].errback(OSError())
        for each in waiting:
            self.failureResultOf(each, OSError)
        self.assertEqual(self.kept, [])

    def test_the_last_to_leave_cancels(self) -> None:
        first, second = (self.works.join("a", self.begin) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertFalse(self.begun[0].called)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertTrue(self.begun[0].called)
        self.assertNotIn("a", self.works)

    def test_abandoned_work_that_ends_after_its_successor_has_begun(self) -> None:
        late: Deferred[int] = Deferred(lambda _: None)
        self.works.join("a", lambda: late).addErrback(lambda _: None).cancel()
        waiting = self.works.join("a", self.begin)
        self.assertIn("a", self.works)
        self.begun[0].callback(3)
        self.assertEqual(self.successResultOf(waiting), 3)
        self.assertEqual(self.kept, [("a", 3)])
