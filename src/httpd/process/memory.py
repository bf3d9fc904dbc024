"""Giving the system back the memory that a crowd of clients has left."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sized

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

LOOK_SECONDS = 5.0

_CROWD = 100
"""Connections; what fewer leave is not worth the milliseconds."""


class MemoryReturn(Service):
    """
    Has the C library give back what is free, once most of many connections have gone.

    By itself glibc gives back the end of its heap alone (C{M_TRIM_THRESHOLD}, mallopt(3)).  What
    TLS has needed for a crowd lies between blocks that stay, and would stay resident with them.
    """

    def __init__(
        self, connections: Sized, clock: IReactorTime, trim: Callable[[], object] | None = None
    ) -> None:
        """
        @param connections: those that are open.
        @param trim: gives back what is free; by default the C library's way, where it has one.
        """
        self._connections = connections
        self._most = 0
        self._trim = trim or trim_heap
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def startService(self) -> None:
        """Look at the connections now and then."""
        Service.startService(self)
        self._looking.start(LOOK_SECONDS, now=False)

    def stopService(self) -> None:
        """Look no more."""
        Service.stopService(self)
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        now = len(self._connections)
        self._most = max(self._most, now)
        gone = self._most - now
        if gone >= _CROWD and gone >= now:
            self._most = now
            self._trim()


def trim_heap() -> None:
    """C{malloc_trim(3)}: some milliseconds; does nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
