"""The log of a job: a file that its programs write to, with a line at the begin of each stage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

_PIECE = 64 * 1024
"""Bytes."""

_LOOK_SECONDS = 0.5
"""Between two looks whether there is more: programs write to the file themselves."""

_LONGEST_LAST_LINES = 16 * 1024
"""Bytes that are read for the last lines of a failure."""


def append(log: Path, text: str) -> None:
    """Add a line of our own."""
    with log.open("ab") as file:
        file.write(text.encode(errors="replace") + b"\n")


def last_lines(log: Path, count: int, began: int = 0) -> str:
    """
    What was said last.

    @param began: where in the file the first line is that counts.
    """
    with log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(began, end - _LONGEST_LAST_LINES))
        lines = file.read().decode(errors="replace").replace("\0", "").splitlines()
    return "\n".join(lines[-count:])


class FileLog:
    """A L{LogReader<image_management.jobs.backend.LogReader>} of the file."""

    def __init__(
        self, log: Path, clock: IReactorTime, goes_on: Callable[[], bool], tail: int | None
    ) -> None:
        """
        @param goes_on: whether there is going to be more.
        @param tail: with how many of the last lines to begin; C{None}: with the first.
        @raise OSError: it is not there.
        """
        self._clock = clock
        self._goes_on = goes_on
        self._file = log.open("rb")
        if tail is not None:
            self._file.seek(_tail_offset(self._file.fileno(), tail))

    async def read(self) -> bytes:
        """Some more, once there is more."""
        while True:
            # In this order: what is written at the very end is read, too.
            goes_on = self._goes_on()
            piece = self._file.read(_PIECE)
            if piece or not goes_on:
                return piece
            await deferLater(self._clock, _LOOK_SECONDS)

    def close(self) -> None:
        """Read no further."""
        self._file.close()


def _tail_offset(file: int, count: int) -> int:
    """Where the last lines begin."""
    end = place = os.fstat(file).st_size
    if not count:
        return end
    newlines = -1 if end and os.pread(file, 1, end - 1) == b"\n" else 0
    while place:
        start = max(0, place - _PIECE)
        piece = os.pread(file, place - start, start)
        found = piece.count(b"\n")
        if newlines + found >= count:
            for _ in range(newlines + found - count + 1):
                piece = piece[piece.index(b"\n") + 1 :]
            return place - len(piece)
        newlines += found
        place = start
    return 0
