"""A line for each request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from assisted_images.logs.lines import JsonLines, beginning
from assisted_images.web.request_log import FORMAT, NAMESPACE, OPTIONAL, Fact


class RequestLines:
    """
    A L{RequestLog<assisted_images.web.request_log.RequestLog>} that is lines of JSON.

    They are what L{JsonLogObserver<assisted_images.logs.events.JsonLogObserver>} would write for
    events; but events, made for any observer to look into, cost more than half of a request's line.
    """

    def __init__(self, lines: JsonLines, now: Callable[[], float] = time.time) -> None:
        """
        @param now: the Unix time.
        """
        self._lines = lines
        self._now = now
        self._written = lines.has("info")

    def write_request(self, facts: Mapping[str, Fact]) -> None:
        """Write its line, unless only worse things are written."""
        if self._written:
            line = beginning(self._now(), "info", NAMESPACE, FORMAT.format_map(facts))
            line.update(facts)
            for name in OPTIONAL:
                if line[name] is None:
                    del line[name]
            self._lines.write(line)
