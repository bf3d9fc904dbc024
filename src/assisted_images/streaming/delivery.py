"""Watching the kernel send what a client has been given, after the last write."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_LOOKS = 6
_SHORTEST = 0.25
"""Seconds between two looks."""


class DeliveryTimer:
    """
    Calls C{delivered} once a client has had everything for a time, or C{stalled} once it has taken
    nothing for a time although there is more for it; one of them, once.
    """

    def __init__(
        self,
        clock: IReactorTime,
        unsent: Callable[[], int],
        delivered: tuple[float, Callable[[], None]],
        stalled: tuple[float, Callable[[], None]],
    ) -> None:
        """
        @param unsent: bytes that the client has not acknowledged.
        @param delivered: seconds without a change of 0 unsent bytes, and what to do then.
        @param stalled: seconds without a change of any other number, and what to do then.
        """
        self._clock = clock
        self._unsent = unsent
        self._delivered = delivered
        self._stalled = stalled
        self._interval = max(_SHORTEST, min(delivered[0], stalled[0]) / _LOOKS)
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """From now on, watch."""
        self._seen = self._unsent()
        self._changed_at = self._clock.seconds()
        self._call = self._clock.callLater(self._interval, self._look)

    def stop(self) -> None:
        """Watch no more; harmless when not watching."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        # Whom it watches for refers to it: no cycle is to keep what a dropped client left.
        self._delivered = self._stalled = (0.0, _nothing)

    def _look(self) -> None:
        self._call = None
        unsent, now = self._unsent(), self._clock.seconds()
        if unsent != self._seen:
            self._seen, self._changed_at = unsent, now
        seconds, then = self._stalled if unsent else self._delivered
        if now - self._changed_at >= seconds:
            then()
        else:
            self._call = self._clock.callLater(self._interval, self._look)


def _nothing() -> None:
    """Do nothing, in place of what a timer does that has been stopped."""
