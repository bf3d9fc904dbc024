"""
What every worker lets all others know at any moment, in memory that they share.

Each writes its own row and reads all.  A row outlives its worker, so that the primary can see what
a worker that was killed has held.
"""

from __future__ import annotations

import mmap
import os
from enum import IntEnum

_NUMBER = 8


class Fact(IntEnum):
    """A column: how many a worker has of something."""

    HELD = 0
    """Slots."""
    WAITING = 1
    """Downloads that wait for a slot."""
    CONNECTIONS = 2
    """Client connections that are open."""
    ANSWERING = 3
    """Connections on which an answer is under way."""
    SERVING = 4
    """1 while it accepts connections."""
    STEPS = 5
    """Steps of taking slots and giving them back: two for each, so odd in the middle of one."""


class Ledger:
    """
    One worker's view.

    @ivar descriptor: the shared memory's, to be inherited.
    @ivar number: this worker's row.
    """

    def __init__(self, descriptor: int, number: int, workers: int) -> None:
        """
        @param descriptor: what L{create} returned, here or in the process that has started this.
        """
        self.descriptor = descriptor
        self.number = number
        self._workers = workers
        size = workers * len(Fact) * _NUMBER
        # Stores of eight aligned bytes are whole for all who read them.
        self._numbers = memoryview(mmap.mmap(descriptor, size)).cast("Q")

    @classmethod
    def create(cls, workers: int) -> Ledger:
        """A new one, all zeros; this is worker 0."""
        descriptor = os.memfd_create("workers", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, workers * len(Fact) * _NUMBER)
        return cls(descriptor, 0, workers)

    def note(self, fact: Fact, value: int) -> None:
        """Write into this worker's row."""
        self._numbers[self.number * len(Fact) + fact] = value

    def of(self, worker: int, fact: Fact) -> int:
        """What a worker has noted."""
        return self._numbers[worker * len(Fact) + fact]

    def all(self, fact: Fact) -> list[int]:
        """What each worker has noted."""
        return self._numbers[fact :: len(Fact)].tolist()

    def erase(self, worker: int) -> None:
        """Forget a worker that is gone."""
        for fact in Fact:
            self._numbers[worker * len(Fact) + fact] = 0
