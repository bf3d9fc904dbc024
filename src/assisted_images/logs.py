"""
Logs for machines: one JSON object a line, without secrets.

Whoever logs leaves secrets out; what is done here about them is the second line of defence, for
the texts of libraries and for what is forgotten.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

_LEVELS: Mapping[Any, str] = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warning",
    LogLevel.error: "error",
    LogLevel.critical: "critical",
}
"""What Twisted's levels are called in the log, least severe first."""

_SEVERITY = {name: number for number, name in enumerate(_LEVELS.values())}

_CHATTER = ("Starting factory {factory!r}", "Stopping factory {factory!r}")
"""What Twisted says at C{info} for every outgoing connection."""

_encode = msgspec.json.Encoder().encode

_PLAIN = frozenset({str, int, bool})
"""Types whose values JSON has as they are; most facts are of these."""

_LEGACY = frozenset({"message", "format", "system", "time", "isError", "failure", "why", "printed"})
"""Keys of events of C{twisted.python.log}, which are no facts of the event."""


class LineStream(Protocol):
    """Where lines go: a text file, or one of Twisted's log files."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> object:
        """Bring it to where it can be read."""


@implementer(ILogObserver)
class JsonLogObserver:
    """
    Writes each event that is severe enough as one line of JSON.

    The keys are C{time} (ISO 8601, UTC), C{level}, C{namespace}, C{message}, then the event's own
    fields as far as they are simple values, and C{traceback} where something failed.
    """

    def __init__(self, stream: LineStream, level: str = "info") -> None:
        """
        @param stream: is flushed after every line.
        @param level: the least severe that is written: C{debug}, C{info}, C{warning}, C{error}
            or C{critical}.
        """
        self._stream = stream
        self._least = _SEVERITY[level]

    def __call__(self, event: LogEvent) -> None:
        """Write the event, or leave it out."""
        if _SEVERITY[_level(event)] >= self._least:
            self._stream.write(as_json(event) + "\n")
            self._stream.flush()


def as_json(event: LogEvent) -> str:
    """The event as one line of JSON."""
    time = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    line: dict[str, Any] = {
        "time": time.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z",
        "level": _level(event),
        "namespace": str(event.get("log_namespace") or "-"),
        "message": _message(event),
    }
    for key, value in event.items():
        if not key.startswith("log_") and key not in _LEGACY and key not in line:
            simple = value if type(value) in _PLAIN else _simple(value)
            if simple is not None:
                line[key] = simple
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["traceback"] = failure.getTraceback()
    encoded = _encoded(line)
    if _may_hold_a_secret(encoded):
        for key, value in line.items():
            line[key] = redacted(value) if isinstance(value, str) else value
        encoded = _encoded(line)
    # ASCII: no character is a line's end to some reader, or unknown to the stream's encoding.
    return encoded.decode() if encoded.isascii() else json.dumps(line)


def redacted(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


_GONE = "[redacted]"

_VALUE = r"""[^\s&;'"<>\\{}\[\](),]+"""
"""What follows a secret's name, up to where it ends in a URL, a repr or JSON."""

_BETWEEN = r"""(?:%22|["'])?\s*(?:=|:|,|%3D|%3A)\s*(?:\[\s*)?(?:b?["']|%22)?"""
"""What stands between a name and its value in a query, a header, a repr or JSON."""

_SECRETS = (
    *(
        (re.compile(pattern, re.IGNORECASE), rf"\1{_GONE}")
        for pattern in (
            # Scheme and credentials of an Authorization field (RFC 9110, section 11.6.2).
            rf"(authorization{_BETWEEN}(?:(?:bearer|basic|negotiate|digest)\s+)?){_VALUE}",
            rf"((?:api_key|image_token|image-token){_BETWEEN}){_VALUE}",
            r"(/by(?:apikey|token)/)(?!:token)[^/\s'\"?]+",
            # A user and password in a URL.
            r"(://)[^/\s@'\"]+(?=@)",
            r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}",
        )
    ),
    # A JWT (RFC 7519), whole or cut, or anything else that is JSON in base64.
    (re.compile(r"eyJ[A-Za-z0-9_=+-]{5,}(?:(?:\.|%2[Ee])[A-Za-z0-9_=+-]*)*"), _GONE),
)

_MARK = re.compile(
    rb"authorization|api_key|image[_-]token|/by(?:apikey|token)/(?!:token)|://|bearer|eyj"
)
"""Found in every match of L{_SECRETS}, in small letters; JSON leaves it as it is."""


def _may_hold_a_secret(line: bytes) -> bool:
    """Whether a line of JSON has to be redacted; most need not be, and this costs much less."""
    # Letters of other alphabets may be the same as ASCII's to a pattern that ignores case.
    return not line.isascii() or _MARK.search(line.lower()) is not None


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


def _encoded(line: dict[str, Any]) -> bytes:
    """As JSON, in UTF-8 or in ASCII."""
    try:
        return _encode(line)
    except (UnicodeEncodeError, OverflowError):  # half a surrogate pair, a number of many digits
        return json.dumps(line).encode()


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
