"""Work that is done once for all who want its result while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")


class JointWork(Generic[_K, _T]):
    """
    What is under way, by key, and those who wait for it.

    When the last of them has left, the work is cancelled, and forgotten: whoever comes next begins
    it anew.
    """

    def __init__(self, keep: Callable[[_K, _T], None]) -> None:
        """
        @param keep: is told each result, before those who wait for it.
        """
        self._keep = keep
        self._works: dict[_K, _Work[_T]] = {}

    def __contains__(self, key: _K) -> bool:
        return key in self._works

    def join(self, key: _K, begin: Callable[[], Deferred[_T]]) -> Deferred[_T]:
        """
        Wait for the result; cancelling this leaves.

        @param begin: begins the work, where it is not under way.
        """
        work = self._works.get(key)
        if work is not None:
            return work.join()
        work = self._works[key] = _Work()
        waiting = work.join()
        work.start(begin(), lambda result: self._over(key, work, result))
        return waiting

    def _over(self, key: _K, work: _Work[_T], result: _T | Failure | None) -> None:
        # Abandoned work may end after its successor has begun.
        if self._works.get(key) is work:
            del self._works[key]
            if result is not None and not isinstance(result, Failure):
                self._keep(key, result)


class _Work(Generic[_T]):
    """One piece of it."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[_T]] = []
        self._running: Deferred[None] | None = None

    def start(self, running: Deferred[_T], over: Callable[[_T | Failure | None], None]) -> None:
        """
        Say what is under way.

        @param over: is told how it ends; with L{None}, that nobody waits for it any more.
        """
        self._over = over
        self._running = running.addBoth(self._finish)

    def join(self) -> Deferred[_T]:
        """Wait."""
        waiter: Deferred[_T] = Deferred(self._leave)
        self._waiting.append(waiter)
        return waiter

    def _leave(self, waiter: Deferred[_T]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting and self._running is not None:
            self._over(None)
            self._running.cancel()

    def _finish(self, result: _T | Failure) -> None:
        self._over(result)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)  # a Failure makes it an errback
