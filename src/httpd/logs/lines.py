"""Lines of JSON, and where they are written to."""

from __future__ import annotations

import json
import os
import select
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TextIO

import msgspec

from httpd.logs.redaction import Redaction

LEVELS = ("debug", "info", "warning", "error", "critical")
"""Least severe first."""

_encode = msgspec.json.Encoder().encode


class LineStream(Protocol):
    """Where lines go, such as one of Twisted's log files."""

    def write(self, data: bytes, /) -> object:
        """
        Write all of it, to where it stays if the process is killed.

        @raise OSError: it cannot be written.
        @raise ValueError: this is closed.
        """


class Unbuffered:
    """What a text stream writes to, without its buffers: a pipe, a terminal or a file."""

    def __init__(self, stream: TextIO) -> None:
        """
        @param stream: what was written to it comes first.
        """
        stream.flush()
        self._stream = stream

    def write(self, data: bytes, /) -> None:
        """
        Write all of it; wait for a reader who is slow.

        @raise OSError: it cannot be written.
        @raise ValueError: the stream has been closed.
        """
        while data:
            # Asked each time: once the stream is closed, its number may be a client's.
            descriptor = self._stream.fileno()
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                writable = select.poll()
                writable.register(descriptor, select.POLLOUT)
                writable.poll()


class JsonLines:
    """Writes lines that are severe enough: each at once, in ASCII, and without secrets."""

    def __init__(
        self,
        stream: LineStream,
        redaction: Redaction,
        level: str = "info",
        worker: int | None = None,
    ) -> None:
        """
        @param redaction: leaves the service's secrets out.
        @param level: the least severe that is written, one of L{LEVELS}.
        @param worker: which of the service's processes this is, for every line to tell.
        """
        self._stream = stream
        self._redaction = redaction
        self._written = frozenset(LEVELS[LEVELS.index(level) :])
        self._worker = worker

    def has(self, level: str) -> bool:
        """Whether lines of this level are written."""
        return level in self._written

    def write(self, line: dict[str, Any]) -> None:
        """
        Write a line.

        @param line: what L{beginning} made, and what else there is to tell: strings, numbers and
            truth values.  It is this method's from now on.
        """
        if self._worker is not None:
            line["worker"] = self._worker
        encoded = _encoded(line)
        if self._redaction.may_be_needed(encoded):
            for key, value in line.items():
                line[key] = self._redaction.redacted(value) if isinstance(value, str) else value
            encoded = _encoded(line)
        if not encoded.isascii():
            # No character is a line's end to some reader, or unknown to the reader's encoding.
            encoded = json.dumps(line).encode("ascii")
        self.pass_on(encoded + b"\n")

    def pass_on(self, lines: bytes) -> None:
        """Write whole lines that another process of the service has made."""
        try:
            self._stream.write(lines)
        except (OSError, ValueError):
            return  # a full disk, a reader that is gone: requests go on, and nobody can be told


def beginning(time: float, level: str, namespace: str, message: str) -> dict[str, Any]:
    """
    What every line begins with.

    @param time: in Unix time; written as ISO 8601, in UTC, with milliseconds.
    @param level: one of L{LEVELS}.
    @param namespace: the part of the program.
    """
    seconds, milliseconds = divmod(int(time * 1000), 1000)
    return {
        "time": f"{_to_the_second(seconds)}.{milliseconds:03d}Z",
        "level": level,
        "namespace": namespace,
        "message": message,
    }


@lru_cache(maxsize=1)
def _to_the_second(seconds: int) -> str:
    """The same for thousands of lines."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _encoded(line: dict[str, Any]) -> bytes:
    """As JSON, in UTF-8, more or less: with what only Python takes for characters and numbers."""
    try:
        return _encode(line)
    except (UnicodeEncodeError, OverflowError):  # half a surrogate pair, a number of many digits
        return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")
