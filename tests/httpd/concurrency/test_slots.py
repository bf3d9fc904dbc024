"""The cap on downloads."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.slots import OwnSlots


class SlotsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.slots = OwnSlots(2)
        self.begun: list[int] = []
        self.ends: dict[int, Deferred[None]] = {}

    def download(self, number: int) -> Deferred[None]:
        async def run() -> None:
            async with self.slots:
                self.begun.append(number)
                self.ends[number] = Deferred()
                await self.ends[number]

        return Deferred.fromCoroutine(run())

    def test_first_come_first_served(self) -> None:
        downloads = [self.download(number) for number in range(5)]
        self.assertEqual((self.begun, self.slots.waiting), ([0, 1], 3))
        self.ends[1].callback(None)
        self.assertEqual(self.begun, [0, 1, 2])
        self.ends[0].callback(None)
        self.assertEqual((self.begun, self.slots.in_use), ([0, 1, 2, 3], 2))
        for number in (2, 3, 4):
            self.ends[number].callback(None)
        for download in downloads:
            self.successResultOf(download)
        self.assertEqual((self.slots.in_use, self.slots.waiting), (0, 0))

    def test_freed_by_failure_and_by_cancelling(self) -> None:
        failing, leaving = self.download(0), self.download(1)
        self.ends[0].errback(ValueError())
        self.failureResultOf(failing, ValueError)
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.slots.in_use, 0)

    def test_one_that_leaves_the_queue(self) -> None:
        for number in (0, 1):
            self.download(number)
        leaving = self.download(2)
        self.download(3)
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.slots.waiting, 1)
        self.ends[0].callback(None)
        self.assertEqual(self.begun, [0, 1, 3])
