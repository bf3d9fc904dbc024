"""Signals by which a process would die, and which operators mean otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from httpd.process.taken_signals import TakenSignals

_SIGNALS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class OperatorSignals(Service):
    """
    Takes SIGHUP, by which C{logrotate} and others have a log file opened again, and SIGUSR1 and
    SIGUSR2, which mean nothing here.

    SIGHUP is also what comes when the terminal is closed in which a service was started: then it
    goes down.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFromThreads,
        reopen: Callable[[], object],
        terminal_lost: Callable[[], object],
        has_terminal: Callable[[], bool] | None = None,
    ) -> None:
        """
        @param reopen: opens the log file again, where there is one.
        @param terminal_lost: what to do without a terminal where there was one.
        @param has_terminal: whether the process has one; by default the system is asked.
        """
        self._taken = TakenSignals(reactor, _SIGNALS, self._obey)
        self._reopen = reopen
        self._terminal_lost = terminal_lost
        self._has_terminal = has_terminal or _has_terminal

    def startService(self) -> None:
        """Take the signals."""
        Service.startService(self)
        self._began_at_terminal = self._has_terminal()
        self._taken.take()

    def stopService(self) -> None:
        """Give them back."""
        Service.stopService(self)
        self._taken.give_back()

    def _obey(self, number: int) -> None:
        name = signal.Signals(number).name
        if number != signal.SIGHUP:
            self._log.info("{signal} means nothing to this service", signal=name)
        elif self._began_at_terminal and not self._has_terminal():
            self._terminal_lost()
        else:
            self._reopen()
            self._log.info(
                "{signal}: the log file is open again, where there is one; certificates are looked"
                " at all the time",
                signal=name,
            )


def _has_terminal() -> bool:
    """Whether this process has a controlling terminal (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
