"""Services that are one coroutine: from its beginning to its end."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.coroutine_service import Background


class Waiting(Background):
    """Waits for what the test does."""

    failed = "it does not wait any more"

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.event: Deferred[None] = Deferred()

    async def run(self) -> None:
        self.begun += 1
        try:
            await self.event
        except CancelledError:
            self.cancelled += 1
            raise


class BackgroundTests(SynchronousTestCase):
    """Begun at the start, given up at the stop."""

    def setUp(self) -> None:
        self.service = Waiting()
        self.addCleanup(self.service.stopService)

    def test_start(self) -> None:
        self.assertEqual(self.service.begun, 0)
        self.service.startService()
        self.assertEqual(self.service.begun, 1)

    def test_stop(self) -> None:
        """Fires once the coroutine has been cancelled; nothing is logged."""
        self.service.startService()
        ended = self.service.stopService()
        assert ended is not None
        self.assertIsNone(self.successResultOf(ended))
        self.assertEqual(self.service.cancelled, 1)

    def test_stopped_before_the_start(self) -> None:
        self.assertIsNone(self.service.stopService())

    def test_failure(self) -> None:
        """Is logged, and does no more harm."""
        self.service.startService()
        self.service.event.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
