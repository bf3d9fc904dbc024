"""The cap on concurrent downloads."""

from __future__ import annotations

from types import TracebackType

from twisted.internet.defer import DeferredSemaphore


class Slots:
    """
    Permits for downloads: C{async with slots:} waits for one, first come first served, and gives
    it back however the block ends.  Cancelling a waiting coroutine leaves the queue at once.
    """

    def __init__(self, limit: int) -> None:
        self._semaphore = DeferredSemaphore(limit)

    async def __aenter__(self) -> None:
        await self._semaphore.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._semaphore.release()

    @property
    def in_use(self) -> int:
        """Downloads that hold a slot."""
        return self._semaphore.limit - self._semaphore.tokens

    @property
    def waiting(self) -> int:
        """Downloads that wait for a slot."""
        return len(self._semaphore.waiting)
