"""The cap on concurrent downloads."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    def limit(self) -> int:
        """How many there are."""

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

    @ivar limit: how many there are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = self._free = limit
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
        return self.limit - self._free

    @property
    def waiting(self) -> int:
        """Downloads that wait for a slot."""
        return len(self._queue)


class ClientSlots:
    """L{Slots} of which nobody has more than some at a time."""

    def __init__(self, slots: Slots, most: int) -> None:
        """
        @param most: slots that one client may have.
        """
        self._slots = slots
        self._most = most
        self._clients: dict[str, OwnSlots] = {}

    @asynccontextmanager
    async def of(self, client: str) -> AsyncIterator[None]:
        """
        What waits for a slot in the manner of L{Slots}, but first until the client has fewer than
        it may have: in its own queue, in which it keeps nobody else waiting.

        @param client: its address.
        """
        own = self._clients.setdefault(client, OwnSlots(self._most))
        try:
            async with own, self._slots:
                yield
        finally:
            if not (own.in_use or own.waiting):
                self._clients.pop(client, None)
