"""The cap on downloads over all workers."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.slots import SharedSlots, new_slots


class Readers(Clock):
    """What of a reactor is used: it tells readers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:  # noqa: N802
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:  # noqa: N802
        self.readers.remove(reader)

    def turn(self) -> None:
        """Once around, for what is readable."""
        for reader in [*self.readers]:
            reader.doRead()


class SharedSlotsTests(SynchronousTestCase):
    """Two workers, two slots."""

    def setUp(self) -> None:
        self.ledger = Ledger.create(2)
        descriptor = new_slots(2)
        self.addCleanup(os.close, descriptor)
        self.addCleanup(os.close, self.ledger.descriptor)
        self.reactors = Readers(), Readers()
        ledgers = self.ledger, Ledger(self.ledger.descriptor, 1, 2)
        self.slots = [
            SharedSlots(descriptor, 2, ledger, reactor)  # type: ignore[arg-type]
            for ledger, reactor in zip(ledgers, self.reactors, strict=True)
        ]
        self.begun: list[str] = []
        self.ends: dict[str, Deferred[None]] = {}
        self.downloads: list[Deferred[None]] = []
        self.addCleanup(self.end_all)

    def end_all(self) -> None:
        for download in self.downloads:
            download.addErrback(lambda failure: None)
            download.cancel()

    def download(self, worker: int, name: str) -> Deferred[None]:
        async def run() -> None:
            async with self.slots[worker]:
                self.begun.append(name)
                self.ends[name] = Deferred()
                await self.ends[name]

        download = Deferred.fromCoroutine(run())
        self.downloads.append(download)
        return download

    def counts(self) -> tuple[int, int]:
        [counts] = {(slots.in_use, slots.waiting) for slots in self.slots}
        return counts

    def test_one_cap(self) -> None:
        """Both see the same; who waits is served once one has ended, in whatever worker."""
        for worker, name in ((0, "a"), (1, "b"), (1, "c"), (1, "d"), (0, "e")):
            self.download(worker, name)
        self.assertEqual((self.begun, self.counts()), (["a", "b"], (2, 3)))
        self.ends["a"].callback(None)
        self.assertEqual(self.begun, ["a", "b"])
        self.reactors[1].turn()
        self.assertEqual((self.begun, self.counts()), (["a", "b", "c"], (2, 2)))
        self.ends["b"].callback(None)
        self.reactors[0].turn()
        self.reactors[1].turn()
        self.assertEqual((self.begun, self.counts()), (["a", "b", "c", "e"], (2, 1)))
        self.ends["e"].callback(None)
        self.ends["c"].callback(None)
        self.reactors[1].turn()
        self.ends["d"].callback(None)
        self.assertEqual(self.counts(), (0, 0))
        self.assertEqual([reactor.readers for reactor in self.reactors], [[], []])

    def test_who_comes_later_waits_behind_the_others(self) -> None:
        """A slot that has just become free is not for who happens to come then."""
        for worker, name in ((0, "a"), (0, "b"), (1, "c")):
            self.download(worker, name)
        self.ends["a"].callback(None)
        self.download(0, "d")
        self.assertEqual(self.begun, ["a", "b"])
        self.reactors[1].turn()
        self.assertEqual(self.begun, ["a", "b", "c"])

    def test_leaving_the_queue(self) -> None:
        for name in "abcd":
            leaving = self.download(0, name)
            if name == "c":
                leaving.cancel()
                self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.counts(), (2, 1))
        self.ends["a"].errback(ValueError())
        self.reactors[0].turn()
        self.assertEqual(self.begun, ["a", "b", "d"])

    def test_worker_killed(self) -> None:
        """All that it had is free again, and no more than that."""
        self.killed()

    def test_worker_killed_in_the_middle(self) -> None:
        """Likewise where it had taken a slot, and not yet written so."""
        self.killed(in_the_middle=True)

    def test_worker_stopped_in_the_middle(self) -> None:
        """
        One that hangs between taking a slot and writing so keeps nobody waiting; what another
        leaves behind is counted once it has gone on, or has been killed.
        """
        hanging = Ledger(self.ledger.descriptor, 1, 2)
        hanging.note(Fact.STEPS, 1)
        os.eventfd_read(self.slots[1].descriptor)
        self.download(0, "a")
        self.assertEqual(self.begun, ["a"])
        self.ends["a"].callback(None)
        self.download(0, "b")
        self.download(0, "c")
        self.slots[0].settle()
        self.assertEqual(self.begun, ["a", "b"])
        for end in (lambda: hanging.note(Fact.HELD, 1), lambda: self.ledger.erase(1)):
            self.reactors[0].turn()
            self.assertEqual(self.begun, ["a", "b"])
            end()
            hanging.note(Fact.STEPS, 2)
            self.reactors[0].advance(1)
            self.slots[0].settle()
        self.reactors[0].turn()
        self.assertEqual((self.begun, self.counts()), (["a", "b", "c"], (2, 0)))

    def killed(self, *, in_the_middle: bool = False) -> None:
        self.download(0, "a")
        self.download(1, "b")
        if in_the_middle:
            Ledger(self.ledger.descriptor, 1, 2).note(Fact.HELD, 0)
        self.ledger.erase(1)
        self.slots[0].settle()
        for name in "cd":
            self.download(0, name)
        self.assertEqual((self.begun, self.counts()), (["a", "b", "c"], (2, 1)))
        # It is only here that it goes on after that.
        Ledger(self.ledger.descriptor, 1, 2).note(Fact.HELD, 1)
