"""
Writing lines without waiting for whoever reads them.

A log line for each of thousands of Range requests a second would cost as much as the requests if
each were a system call of its own, and a pipe that nobody empties would stop the reactor.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

_MOST_WAITING = 100_000
"""Lines that may wait for a reader that has stopped; what comes then is dropped and counted."""

_GATHERING_SECONDS = 0.02
"""How long lines gather before they are written in one go."""

_CLOSING_SECONDS = 5.0


class LineStream(Protocol):
    """Where lines go: a text file, or one of Twisted's log files."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> object:
        """Bring it to where it can be read."""


class BackgroundStream:
    """
    A L{LineStream} that hands lines to a thread, which writes them to another stream.

    The order stays, and L{close} waits until all is written.
    """

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Take a line; never waits."""
        if self._closing.is_set():
            self._stream.write(text)
            self._stream.flush()
        elif len(self._lines) < _MOST_WAITING:
            self._lines.append(text)
            self._wake.set()
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Nothing to do: the thread does it soon."""

    def close(self) -> None:
        """Write what waits; what comes later is written at once.  Waits 5 seconds at most."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_GATHERING_SECONDS)
            self._wake.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        count = len(self._lines)
        if not count:
            return
        text = "".join([self._lines.popleft() for _ in range(count)])
        if self._dropped:
            text += f'{{"level": "error", "message": "{self._dropped} lines of log were lost"}}\n'
            self._dropped = 0
        self._stream.write(text)
        self._stream.flush()
