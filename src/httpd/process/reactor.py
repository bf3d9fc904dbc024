"""The reactor of a process, as services want it."""

from __future__ import annotations

import time
from typing import Any

from httpd.outbound.names import look_names_up_apart


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


def prepare_reactor(reactor: Any) -> None:
    """Have a reactor wait by a monotonic clock, and look names up in threads of their own."""
    wait_by_monotonic_clock(reactor)
    look_names_up_apart(reactor)


def process_reactor() -> Any:
    """The reactor of the process, prepared from now on."""
    from twisted.internet import reactor

    prepare_reactor(reactor)
    return reactor
