"""Which clock a service waits by."""

from __future__ import annotations

import time
from typing import Any


def wait_by_monotonic_clock(reactor: Any) -> None:
    """
    Have a reactor's delayed calls, and whoever asks it for C{seconds}, go by a clock that nobody
    sets.

    Twisted's goes by the time of day: while that is set back nothing is called, no deadline ends
    and no retry begins until it has caught up; set forward, everything is late at once.  Where a
    date is meant, such as in C{Date}, it is asked for as such (C{time.time}).

    @param reactor: one that has no delayed calls yet.
    """
    reactor.seconds = time.monotonic


def process_reactor() -> Any:
    """The reactor of the process, which waits by a monotonic clock from now on."""
    from twisted.internet import reactor

    wait_by_monotonic_clock(reactor)
    return reactor
