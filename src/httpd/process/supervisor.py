"""What the service manager that has started this process is told of it (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_PATIENCE_SECONDS = 10.0
"""How much longer than answers may take the end of the process does."""


class Supervisor(Service):
    """
    Tells that the service listens, that it goes down, and as often as it is to be told that it
    still does anything at all: a process whose reactor hangs is silent.

    systemd asks for the first by C{Type=notify}, and for the last by C{WatchdogSec=}.  Where no
    manager wants to know, nothing is said.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, address: str, watchdog_seconds: float | None, drain_seconds: float
    ) -> None:
        """
        @param address: of the manager's datagram socket: a path, or with C{@} before it a name in
            Linux's abstract namespace; empty: nobody wants to know.
        @param watchdog_seconds: after which silence is taken for a fault; C{None}: never.
        @param drain_seconds: how long answers that are under way may take in the end.
        """
        self._reactor = reactor
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._drain_seconds = drain_seconds
        self._seconds = watchdog_seconds
        self._living = LoopingCall(self._tell, "WATCHDOG=1")
        self._living.clock = reactor

    @classmethod
    def taken(
        cls, environment: MutableMapping[str, str], reactor: Any, drain_seconds: float
    ) -> Supervisor:
        """The one that an environment tells of, which no child of this process is told of."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
        watched = microseconds.isdecimal() and pid == str(os.getpid())
        seconds = int(microseconds) / 1e6 if watched else None
        return cls(reactor, address, seconds or None, drain_seconds)

    def startService(self) -> None:
        """Tell, as soon as everything has started."""
        Service.startService(self)
        self._reactor.callWhenRunning(self._ready)

    def stopService(self) -> None:
        """Tell that it goes down, and how much time that may take."""
        if not self.running:
            return
        Service.stopService(self)
        if self._living.running:
            self._living.stop()
        microseconds = int((self._drain_seconds + _PATIENCE_SECONDS) * 1e6)
        self._tell(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={microseconds}")

    def _ready(self) -> None:
        if self.running:
            self._tell("READY=1")
            if self._seconds is not None:
                # Twice in that time, as sd_watchdog_enabled(3) has it.
                self._living.start(self._seconds / 2)

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
                telling.setblocking(False)
                telling.sendto(text.encode(), self._address)
        except OSError as error:
            self._log.warn("the service manager cannot be told: {reason}", reason=str(error))
