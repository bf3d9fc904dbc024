"""
The cap on concurrent downloads over all workers.

As in make's job server the free slots are in the kernel: an eventfd from which who wants one takes
one, and which is readable for as long as there is one.  The ledger says beside it who has how many,
and both change together (L{Ledger.alone}): whatever is killed when, the sum of both is the limit,
or the primary can see what is missing.
"""

from __future__ import annotations

import os
from collections import deque
from types import TracebackType

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from assisted_images.streaming.slots import Slots
from assisted_images.workers.ledger import Fact, Ledger


def new_slots(limit: int) -> int:
    """The descriptor of so many free slots, to be inherited."""
    return os.eventfd(limit, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)


@implementer(IReadDescriptor)
class SharedSlots(Slots):
    """
    One worker's view of the slots of all.

    First come first served within a worker; between workers the one that is quicker at the moment
    when a slot becomes free.
    """

    def __init__(self, descriptor: int, ledger: Ledger, reactor: IReactorFDSet) -> None:
        """
        @param descriptor: what L{new_slots} returned, here or in the primary.
        """
        self.descriptor = descriptor
        self._ledger = ledger
        self._reactor = reactor
        self._queue: deque[Deferred[None]] = deque()

    async def __aenter__(self) -> None:
        # Who comes while others wait, in whatever worker, waits too.
        if self.waiting or not self._take():
            await self._in_turn()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._ledger.alone():
            self._ledger.note(Fact.HELD, self._held - 1)
            os.eventfd_write(self.descriptor, 1)

    @property
    def in_use(self) -> int:
        """Downloads that hold a slot, in all workers."""
        return sum(self._ledger.all(Fact.HELD))

    @property
    def waiting(self) -> int:
        """Downloads that wait for a slot, in all workers."""
        return sum(self._ledger.all(Fact.WAITING))

    def settle(self, limit: int) -> None:
        """Free what nobody has, after a worker's row was erased."""
        with self._ledger.alone():
            try:
                while True:
                    os.eventfd_read(self.descriptor)
            except BlockingIOError:
                pass
            free = limit - self.in_use
            if free > 0:
                os.eventfd_write(self.descriptor, free)

    @property
    def _held(self) -> int:
        return self._ledger.of(self._ledger.number, Fact.HELD)

    def _take(self) -> bool:
        """Take a slot if there is one."""
        with self._ledger.alone():
            try:
                os.eventfd_read(self.descriptor)
            except BlockingIOError:
                return False
            self._ledger.note(Fact.HELD, self._held + 1)
            return True

    def _in_turn(self) -> Deferred[None]:
        """Fires once a slot is taken."""
        turn: Deferred[None] = Deferred(self._leave)
        if not self._queue:
            self._reactor.addReader(self)
        self._queue.append(turn)
        self._note_waiting()
        return turn

    def _leave(self, turn: Deferred[None]) -> None:
        self._queue.remove(turn)
        self._note_waiting()

    def _note_waiting(self) -> None:
        self._ledger.note(Fact.WAITING, len(self._queue))
        if not self._queue:
            self._reactor.removeReader(self)

    def doRead(self) -> None:  # noqa: N802
        """A slot has become free: give it to who has waited longest."""
        while self._queue and self._take():
            turn = self._queue.popleft()
            self._note_waiting()
            turn.callback(None)

    def fileno(self) -> int:
        """What becomes readable when a slot is free."""
        return self.descriptor

    def logPrefix(self) -> str:  # noqa: N802
        """Asked for by reactors."""
        return "slots"

    def connectionLost(self, reason: Failure) -> None:
        """Asked for by reactors; this never ends."""
