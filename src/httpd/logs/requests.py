"""The log of requests: one line for each, as JSON or as events of Twisted's log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from twisted.logger import Logger

from httpd.logs.lines import LEVELS, JsonLines, beginning

Fact = str | int | float
"""What is told of a request, such as its status."""

MESSAGE = "%(method)s %(route)s %(status)d %(bytes)d bytes in %(seconds).3f s"
"""The text of each line; the names are of facts."""

NAMESPACE = "httpd.web.request"
"""The part of the program that the lines are of."""

_log = Logger(NAMESPACE)


class RequestLog(Protocol):
    """Where the lines of requests go."""

    def write_request(self, facts: Mapping[str, Fact], level: str = "info") -> None:
        """
        Write the line of a request that is over.

        @param facts: by their names, in order; those in L{MESSAGE} are among them.
        @param level: how severe it is, one of L{LEVELS<httpd.logs.lines.LEVELS>}.
        """


class RequestLines:
    """
    A L{RequestLog} that is lines of JSON.

    They are what L{JsonLogObserver<httpd.logs.events.JsonLogObserver>} would write for
    events; but events, made for any observer to look into, cost more than half of a request's line.
    """

    def __init__(self, lines: JsonLines, now: Callable[[], float] = time.time) -> None:
        """
        @param now: the Unix time.
        """
        self._lines = lines
        self._now = now

    def write_request(self, facts: Mapping[str, Fact], level: str = "info") -> None:
        """Write its line, unless only worse things are written."""
        if self._lines.has(level):
            line = beginning(self._now(), level, NAMESPACE, MESSAGE % facts)
            line.update(facts)
            self._lines.write(line)


class RequestEvents:
    """A L{RequestLog} that is events of Twisted's log, for whoever observes it."""

    def __init__(self, log: Logger = _log) -> None:
        """
        @param log: where events are emitted.
        """
        ways = (log.debug, log.info, log.warn, log.error, log.critical)
        self._emit = dict(zip(LEVELS, ways, strict=True))

    def write_request(self, facts: Mapping[str, Fact], level: str = "info") -> None:
        """Emit an event."""
        self._emit[level]("{log_text}", log_text=MESSAGE % facts, **facts)
