"""Noticing servers that have stopped sending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_LOOKS = 6
"""How often progress is looked at within the time allowed: a stall is noticed 1/6 late at most."""


class StallTimer:
    """
    Calls C{stalled} once C{progress} has returned the same value for C{seconds}.

    One timer serves a whole download, at the price of a few looks per C{seconds}; nothing is done
    per write.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        progress: Callable[[], Any],
        stalled: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._progress = progress
        self._stalled = stalled
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """From now on, watch."""
        self._seen = self._progress()
        self._changed_at = self._clock.seconds()
        self._call = self._clock.callLater(self._seconds / _LOOKS, self._look)

    def stop(self) -> None:
        """Watch no more; harmless when not watching."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        # Whom it watches for refers to it: no cycle is to keep what an abandoned download left.
        self._progress = self._stalled = _nothing

    def _look(self) -> None:
        seen, now = self._progress(), self._clock.seconds()
        if seen != self._seen:
            self._seen, self._changed_at = seen, now
        elif now - self._changed_at >= self._seconds:
            self._call = None
            self._stalled()
            return
        self._call = self._clock.callLater(self._seconds / _LOOKS, self._look)


def _nothing() -> None:
    """Do nothing, in place of what a timer does that has been stopped."""
