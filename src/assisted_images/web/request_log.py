"""The log of requests: one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from twisted.logger import Logger

Fact = str | int | float | None
"""What is told of a request, such as its status."""

FORMAT = "{method} {route} {status} {bytes} bytes in {seconds:.3f} s"
"""The text of each line; the names are of facts."""

OPTIONAL = ("range", "user_agent")
"""Facts that are C{None}, and not written, where the client has not sent such a field."""

NAMESPACE = "assisted_images.web.request"
"""The part of the program that the lines are of."""


_log = Logger(NAMESPACE)


class RequestLog(Protocol):
    """Where the lines of requests go."""

    def write_request(self, facts: Mapping[str, Fact]) -> None:
        """
        Write the line of a request that is over.

        @param facts: by their names, in order; those in L{FORMAT} and L{OPTIONAL} are among them.
        """


class RequestEvents:
    """A L{RequestLog} that is events of Twisted's log, for whoever observes it."""

    def write_request(self, facts: Mapping[str, Fact]) -> None:
        """Emit an event."""
        _log.info(FORMAT, **facts)
