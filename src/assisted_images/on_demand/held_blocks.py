"""
Which blocks of an image this process is at: those that are on their way to clients, and those that
are written or taken away.

All of it happens in one thread, the reactor's; but what was on its way to a client may be dropped
by another, where a cycle is collected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assisted_images.on_demand.block_file import ABSENT, DURABLE, WRITTEN, BlockFile

_USE_SECONDS = 1.0
"""A block whose last use was noted so short a time ago is as good as noted."""


class OwnThread:
    """The thread that something happens in, which is the one that makes this."""

    def __init__(self, have_called: Callable[[Callable[[], None]], object]) -> None:
        """
        @param have_called: has another thread's function called in this one.
        """
        self._have_called = have_called
        self._identity = threading.get_ident()

    def is_this(self) -> bool:
        """Whether it is the one that asks."""
        return threading.get_ident() == self._identity

    def call(self, function: Callable[[], None]) -> None:
        """Call C{function} in that thread: at once, where it is this one."""
        if self.is_this():
            function()
        else:
            self._have_called(function)


class Pin:
    """
    Keeps some blocks where they are, for as long as anything refers to it.

    @ivar stop: they are those from C{first} up to, not including, this one.
    """

    __slots__ = ("_held", "first", "stop")

    def __init__(self, held: HeldBlocks, first: int, stop: int) -> None:
        self._held = held
        self.first = first
        self.stop = stop

    def __del__(self) -> None:
        self._held.dropped(self.first, self.stop)


class HeldBlocks:
    """
    The blocks of C{file}, as far as this process holds them.

    @ivar evicted: those that it has taken away for others.
    """

    def __init__(self, file: BlockFile, thread: OwnThread) -> None:
        self.file = file
        self.thread = thread
        self.evicted = 0
        self._pins: dict[int, int] = {}
        self._changing: set[int] = set()
        self._noted: dict[int, float] = {}

    def pin(self, first: int, most: int) -> Pin | None:
        """
        Keep the blocks from C{first} on where they are, those that are here in one run.

        @param most: how many at most.
        @return: C{None}: not even the first is here.
        """
        file = self.file
        # What is not here needs no lock; but one block, as most ask for, is looked at once only.
        stop = first + (1 if most == 1 else self._run(first, min(first + most, file.count)))
        if stop == first or not self._changing.isdisjoint(range(first, stop)):
            return None
        if not file.lock(first, stop):
            return None
        found = self._run(first, stop)
        if first + found < stop:  # another process was about to take them away
            self._unlock(first + found, stop)
            stop = first + found
            if not found:
                return None
        pins = self._pins
        for block in range(first, stop):
            pins[block] = pins.get(block, 0) + 1
        self._note_use(first, stop)
        return Pin(self, first, stop)

    def is_here(self, block: int) -> bool:
        """Whether a block is here, at this moment."""
        return self.file.states(block, block + 1) != bytes([ABSENT])

    def missing(self, first: int, stop: int) -> list[int]:
        """Those blocks from C{first} up to C{stop}, as far as the image has them, that are not."""
        states = self.file.states(first, min(stop, self.file.count))
        return [first + index for index, state in enumerate(states) if state == ABSENT]

    @contextmanager
    def change(self, block: int) -> Iterator[bool]:
        """
        Hold a block, to write it or to take it away; within, whether it is held: nobody else, here
        or in another process, reads or changes it.
        """
        held = (
            block not in self._changing
            and block not in self._pins
            and self.file.lock(block, block + 1, to_change=True)
        )
        if held:
            self._changing.add(block)
        try:
            yield held
        finally:
            if held:
                self._changing.discard(block)
                self.file.unlock(block, block + 1)

    def is_pinned(self, block: int) -> bool:
        """Whether this process has it on the way to a client."""
        return block in self._pins

    def dropped(self, first: int, stop: int) -> None:
        """A pin is gone."""
        if self.thread.is_this():  # as after nearly every request
            self._unpin(first, stop)
        else:
            self.thread.call(lambda: self._unpin(first, stop))

    def note_durable(self, block: int) -> None:
        """A block that was written before is on the disk by now, if nobody has taken it away."""
        if block in self._changing or not self.file.lock(block, block + 1):
            return
        if self.file.states(block, block + 1) == bytes([WRITTEN]):
            self.file.mark(block, block + 1, DURABLE)
        self._unlock(block, block + 1)

    def _run(self, first: int, stop: int) -> int:
        """How many blocks from the first on are here."""
        states = self.file.states(first, stop)
        absent = states.find(ABSENT)
        return len(states) if absent < 0 else absent

    def _unpin(self, first: int, stop: int) -> None:
        pins = self._pins
        for block in range(first, stop):
            left = pins[block] - 1
            if left:
                pins[block] = left
            else:
                del pins[block]
        self._unlock(first, stop)

    def _unlock(self, first: int, stop: int) -> None:
        """Give up the locks on those blocks of a run that nobody has pinned."""
        pins, begin = self._pins, first
        for block in range(first, stop):
            if block in pins:
                if begin < block:
                    self.file.unlock(begin, block)
                begin = block + 1
        if begin < stop:
            self.file.unlock(begin, stop)

    def _note_use(self, first: int, stop: int) -> None:
        now = time.monotonic()
        if now - self._noted.get(first, 0.0) > _USE_SECONDS:
            self._noted[first] = now
            self.file.note_use(first, stop)
