"""
The cap on concurrent downloads over all workers.

As in make's job server the free slots are in the kernel: an eventfd from which who wants one takes
one, and which is readable for as long as there is one.  The ledger says beside it who has how many.
The two do not change at the same moment, so a worker says in the ledger, too, that it is between
them: when one has been killed, wherever it was, the primary can see what is missing as soon as
nobody is there.  No lock: a worker that hangs must not keep the others waiting.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from assisted_images.workers.ledger import Fact, Ledger

_AGAIN_SECONDS = 0.02
"""Until what was in motion is looked at again."""


class Reactor(IReactorFDSet, IReactorTime):
    """What of a reactor is used here."""


def new_slots(limit: int) -> int:
    """The descriptor of so many free slots, to be inherited."""
    return os.eventfd(limit, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)


@implementer(IReadDescriptor)
class SharedSlots:
    """
    One worker's view of the L{Slots<httpd.concurrency.slots.Slots>} of all.

    First come first served within a worker; between workers the one that is quicker at the moment
    when a slot becomes free.
    """

    def __init__(self, descriptor: int, limit: int, ledger: Ledger, reactor: Reactor) -> None:
        """
        @param descriptor: what L{new_slots} returned, here or in the primary.
        @param limit: how many there are.
        """
        self.descriptor = descriptor
        self.limit = limit
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
        with self._in_motion():
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

    def settle(self) -> None:
        """
        Free what nobody has, after a worker's row was erased; if need be a little later, when no
        worker is in the middle of taking a slot or giving one back.
        """
        steps = self._ledger.all(Fact.STEPS)
        # Who finds none in this moment waits for the next.
        free = 0
        while self._take_one():
            free += 1
        missing = self.limit - free - self.in_use
        at_rest = not any(count % 2 for count in steps) and self._ledger.all(Fact.STEPS) == steps
        if at_rest:
            free += missing
        else:
            self._reactor.callLater(_AGAIN_SECONDS, self.settle)
        if free:
            os.eventfd_write(self.descriptor, free)

    @contextmanager
    def _in_motion(self) -> Iterator[None]:
        """Note for as long as eventfd and ledger may differ that they may."""
        ledger = self._ledger
        steps = ledger.of(ledger.number, Fact.STEPS)
        ledger.note(Fact.STEPS, steps + 1)
        try:
            yield
        finally:
            ledger.note(Fact.STEPS, steps + 2)

    @property
    def _held(self) -> int:
        return self._ledger.of(self._ledger.number, Fact.HELD)

    def _take(self) -> bool:
        """Take a slot if there is one."""
        with self._in_motion():
            if not self._take_one():
                return False
            self._ledger.note(Fact.HELD, self._held + 1)
            return True

    def _take_one(self) -> bool:
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return False
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
