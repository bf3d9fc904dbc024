"""Signals that are taken from whoever had them, and given back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from twisted.internet.interfaces import IReactorFromThreads


class TakenSignals:
    """Has the reactor's thread told of signals, for as long as they are taken."""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        signals: Iterable[signal.Signals],
        obey: Callable[[int], object],
    ) -> None:
        """
        @param obey: is called with a signal's number.
        """
        self._reactor = reactor
        self._signals = tuple(signals)
        self._obey = obey
        self._before: dict[int, Any] = {}

    def take(self) -> None:
        """Take them."""
        self._before = {number: signal.signal(number, self._received) for number in self._signals}

    def give_back(self) -> None:
        """Give them back, once."""
        before, self._before = self._before, {}
        for number, action in before.items():
            signal.signal(number, action)

    def _received(self, number: int, _frame: FrameType | None) -> None:
        # Between any two instructions of the program: only this is safe.
        self._reactor.callFromThread(self._obey, number)
