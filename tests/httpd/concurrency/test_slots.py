"""The cap on downloads."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.slots import ClientSlots, OwnSlots


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


class ClientSlotsTests(SynchronousTestCase):
    """Three slots, of which each client may have two."""

    def setUp(self) -> None:
        self.slots = OwnSlots(3)
        self.clients = ClientSlots(self.slots, 2)
        self.begun: list[str] = []
        self.ends: list[Deferred[None]] = []

    def download(self, client: str) -> Deferred[None]:
        async def run() -> None:
            async with self.clients.of(client):
                self.begun.append(client)
                self.ends.append(Deferred())
                await self.ends[-1]

        return Deferred.fromCoroutine(run())

    def test_one_client_has_not_all(self) -> None:
        """What waits for its own turn keeps nobody else waiting, and holds no slot."""
        downloads = [self.download(client) for client in "aaaaab"]
        self.assertEqual((self.begun, self.slots.in_use), (["a", "a", "b"], 3))
        downloads.append(self.download("c"))
        self.assertEqual(self.slots.waiting, 1)
        self.ends[0].callback(None)
        self.assertEqual(self.begun, ["a", "a", "b", "c"])
        for end in self.ends:  # grows
            if not end.called:
                end.callback(None)
        for download in downloads:
            self.successResultOf(download)
        self.assertEqual(self.begun, [*"aabcaaa"])
        self.assertEqual((self.slots.in_use, self.slots.waiting), (0, 0))
        self.assertEqual(self.clients._clients, {})

    def test_those_that_leave(self) -> None:
        """Whether they wait for their own turn, for a slot, or have one; or fail."""
        downloads = [self.download(client) for client in "aaabbb"]
        for number in (2, 5, 4, 0):
            downloads[number].cancel()
            self.failureResultOf(downloads[number], CancelledError)
        self.ends[1].errback(ValueError())
        self.failureResultOf(downloads[1], ValueError)
        self.assertEqual((self.slots.in_use, self.slots.waiting), (1, 0))
        self.ends[2].callback(None)
        self.successResultOf(downloads[3])
        self.assertEqual(self.slots.in_use, 0)
        self.assertEqual(self.clients._clients, {})
