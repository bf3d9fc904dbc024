"""The cap on concurrent downloads."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Protocol

from twisted.internet.defer import Deferred


class Slots(Protocol):
    """
    Permits for downloads: C{async with slots:} waits for one, first come first served, and gives
    it back however the block ends.  Cancelling a waiting coroutine leaves the queue at once.
    """

    async def __aenter__(self) -> None:
        """Take a slot, once there is one."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""

    @property
    def in_use(self) -> int:
        """Downloads that hold a slot."""

    @property
    def waiting(self) -> int:
        """Downloads that wait for a slot."""


class OwnSlots:
    """
    L{Slots} of this process alone.

    Nearly always one is free: taking it makes no Deferred, as a C{DeferredSemaphore} would.
    """

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._queue: deque[Deferred[None]] = deque()

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn: Deferred[None] = Deferred(self._queue.remove)
        self._queue.append(turn)
        await turn

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._queue:
            self._queue.popleft().callback(None)  # the slot passes from one to the other
        else:
            self._free += 1

    @property
    def in_use(self) -> int:
        """Downloads that hold a slot."""
        return self._limit - self._free

    @property
    def waiting(self) -> int:
        """Downloads that wait for a slot."""
        return len(self._queue)
