"""Ctrl-C while the reactor runs: noted once, however often it is pressed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from twisted.internet.task import deferLater

from demo.service import Reactor

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """
    What SIGINT and SIGTERM do in place of stopping the reactor, which a second one could do only
    once more.

    @ivar happened: whether there was one.
    """

    def __init__(self, reactor: Reactor, react: Callable[[], object]) -> None:
        """
        @param react: called in the reactor, once, when there is one.
        """
        self.happened = False
        self._reactor = reactor
        self._react = react

    async def watch(self) -> None:
        """
        Watch from now on; returns when the reactor runs.  Signals that come until then are held
        back: the reactor begins with what it does of its own.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        await deferLater(self._reactor, 0)
        for number in _SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.happened:
            self.happened = True
            self._reactor.callFromThread(self._react)
