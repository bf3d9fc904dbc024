"""What a page shows of a job's log: its end, and when each stage has begun."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from image_management.jobs.backend import LogReader
from image_management.secrets import REDACTION

LONGEST = 32 * 1024
"""Bytes that are kept."""

_MOST_MARKS = 64

_MARK = re.compile(
    rb"^== ([a-z][a-z0-9_-]{0,62}) (\d{4}-\d\d-\d\dT[0-9:.+Z-]{8,32})$", re.MULTILINE
)
"""What stands before what a stage has said, in the log of each backend."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
"""By which programs colour what they say (ECMA-48, section 5.4)."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
"""What HTML has not, or would show as something else."""


class Mark(NamedTuple):
    """A stage, and when it began."""

    name: str
    at: float
    """Seconds since the epoch."""


class LogEnd:
    """
    The end of a log, of which pieces come one after the other.

    @ivar size: bytes of all that have come.
    @ivar marks: the stages that have begun, in order.
    """

    def __init__(self) -> None:
        self.size = 0
        self.marks: list[Mark] = []
        self._kept = b""
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Go on."""
        self.size += len(data)
        lines, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest[-LONGEST:]
        if not newline:
            return
        if b"== " in lines:
            self._mark(lines)
        self._kept = (self._kept + lines + newline)[-LONGEST:]

    @property
    def is_cut(self) -> bool:
        """Whether there was more before L{text}."""
        return self.size > len(self._kept) + len(self._rest)

    def text(self) -> str:
        """Its last lines as they may be shown: without secrets, and what was written over."""
        lines = (self._kept + self._rest).split(b"\n")
        return "\n".join(map(_shown, lines[1:] if self.is_cut else lines)).rstrip("\n")

    def _mark(self, lines: bytes) -> None:
        for found in _MARK.finditer(lines):
            name, at = (group.decode("ascii") for group in found.groups())
            try:
                self.marks.append(Mark(name, datetime.fromisoformat(at).timestamp()))
            except ValueError:
                continue  # a program has said something alike
        del self.marks[:-_MOST_MARKS]


async def read_all(reader: LogReader, end: LogEnd) -> None:
    """Read a log to its end."""
    try:
        while data := await reader.read():
            end.add(data)
    finally:
        reader.close()


def shown(text: str) -> str:
    """A text of a job as it may be shown."""
    return "\n".join(_shown(line.encode()) for line in text.split("\n"))


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    if REDACTION.may_be_needed(line):
        text = REDACTION.redacted(text)
    text = _ESCAPES.sub("", text).rstrip("\r").rpartition("\r")[2]
    return _CONTROLS.sub("", text)
