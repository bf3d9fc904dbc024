"""
Going down: what SIGTERM and SIGINT do to a running service.

The first lets what is under way end, within a time; the second ends the process at once.  Knows
connections, and nothing of what is served on them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.application.service import IService, Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from httpd.process.taken_signals import TakenSignals

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Drainable(Protocol):
    """The connections of clients, in this process or in several."""

    @property
    def answering(self) -> int:
        """Connections on which an answer is under way, or could not end."""

    def drain(self) -> Deferred[None]:
        """Close every connection when its answer is whole; fires when none is left."""

    def abort(self) -> None:
        """Cut whatever is left."""


class Reactor(IReactorCore, IReactorFromThreads, IReactorTime):
    """What of a reactor is used here."""


class Shutdown(Service):
    """
    Takes the signals that end a process from the reactor, whose own answer to them is to stop at
    once and, with twistd, to die of them in the end.

    At the first signal the reactor gets them back, so that the second is its own to answer.  When
    everything has ended well the reactor is stopped and the process exits with status 0.  When it
    has not, the rest is cut, and the signal goes to the reactor after all: the exit status says
    that the process died of it (143 to a shell for SIGTERM).

    @ivar ended_well: whether everything has ended.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        connections: Drainable,
        seconds: float,
        first: Sequence[IService],
    ) -> None:
        """
        @param seconds: how long connections may finish their answers.
        @param first: what is stopped at the signal already, such as listeners; it has to bear
            being stopped again with everything else.
        """
        self._reactor = reactor
        self._connections = connections
        self._seconds = seconds
        self._first = first
        self.ended_well = False
        self._taken = TakenSignals(reactor, _SIGNALS, self.begin)
        self._draining: Deferred[None] | None = None

    def startService(self) -> None:
        """Take the signals, as soon as the reactor has taken them."""
        Service.startService(self)
        self._reactor.callWhenRunning(self._take_signals)

    def stopService(self) -> None:
        """Give the signals back, and wait for nothing any more."""
        Service.stopService(self)
        self._taken.give_back()
        if self._draining is not None:
            self._draining.cancel()

    def _take_signals(self) -> None:
        if self.running:
            self._taken.take()

    def begin(self, number: int) -> None:
        """Go down, as at the first of the signals."""
        if self._draining is None and self.running:
            self._taken.give_back()
            self._draining = Deferred.fromCoroutine(self._drain(number))
            self._draining.addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def _drain(self, number: int) -> None:
        self._log.info(
            "{signal}: going down; {answers} answers under way have {seconds:g} s to end",
            signal=signal.Signals(number).name,
            answers=self._connections.answering,
            seconds=self._seconds,
        )
        for service in self._first:
            service.stopService()
        drained = self._connections.drain()
        await _within(self._reactor, self._seconds, drained)
        if not self._connections.answering:
            # Clients that have everything and do not close do no harm.
            self.ended_well = True
            self._log.info("every answer has ended; goodbye")
            self._reactor.stop()
            return
        self._log.error(
            "{answers} answers have not ended within {seconds:g} seconds and are cut",
            answers=self._connections.answering,
            seconds=self._seconds,
        )
        self._connections.abort()
        signal.raise_signal(number)


async def _within(clock: IReactorTime, seconds: float, event: Deferred[None]) -> None:
    """Return when C{event} fires, and after C{seconds} at the latest."""
    over: Deferred[None] = Deferred()
    fire: Callable[[], None] = lambda: None if over.called else over.callback(None)  # noqa: E731
    event.addCallback(lambda _: fire())
    call = clock.callLater(seconds, fire)
    try:
        await over
    finally:
        if call.active():
            call.cancel()
