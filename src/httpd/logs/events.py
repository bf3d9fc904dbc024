"""Events of Twisted's log as lines of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from httpd.logs.lines import LEVELS, JsonLines, beginning

_LEVELS: Mapping[Any, str] = dict(
    zip(
        (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical),
        LEVELS,
        strict=True,
    )
)
"""What Twisted's levels are called in the log."""

_CHATTER = (
    "Starting factory {factory!r}",
    "Stopping factory {factory!r}",
    "Ignoring unexpected {code} response",
)
"""
What Twisted says at C{info} for every outgoing connection, and for every interim response, of which
a server may send any number.
"""

_LEGACY = frozenset({"message", "format", "system", "time", "isError", "failure", "why", "printed"})
"""Keys of events of C{twisted.python.log}, which are no facts of the event."""


@implementer(ILogObserver)
class JsonLogObserver:
    """
    Writes each event that is severe enough as one line of JSON.

    The keys are C{time} (ISO 8601, UTC), C{level}, C{namespace}, C{message}, then the event's own
    fields as far as they are simple values, and C{traceback} where something failed.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def __call__(self, event: LogEvent) -> None:
        """Write the event, or leave it out."""
        level = _level(event)
        if self._lines.has(level):
            self._lines.write(_line(event, level))


def _line(event: LogEvent, level: str) -> dict[str, Any]:
    line = beginning(
        event.get("log_time", 0.0),
        level,
        str(event.get("log_namespace") or "-"),
        _message(event),
    )
    for key, value in event.items():
        if not key.startswith("log_") and key not in _LEGACY and key not in line:
            simple = _simple(value)
            if simple is not None:
                line[key] = simple
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["traceback"] = failure.getTraceback()
    return line


def _level(event: LogEvent) -> str:
    level = _LEVELS.get(event.get("log_level"), "info")
    # What still uses twisted.python.log is Twisted itself, about what nobody asked for.
    idle = event.get("log_namespace") == "log_legacy" or event.get("log_format") in _CHATTER
    return "debug" if idle and level == "info" else level


def _message(event: LogEvent) -> str:
    """The event's text; Twisted formats what is more than names in braces."""
    template = event.get("log_format")
    if isinstance(template, str) and "log_flattened" not in event:
        try:
            return template.format_map(event)
        except Exception:  # noqa: S110  any, out of any object's own formatting
            pass
    return formatEvent(event)


def _simple(value: object) -> object:
    """The value as JSON has it; C{None} for what is not to be written."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str() | Path() | UUID():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
    return None
