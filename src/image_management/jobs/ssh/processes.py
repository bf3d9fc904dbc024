"""The process that a session is: what goes in and out of it, and its end."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from image_management.jobs.process_tree import children_of, descendants_of

HANG_UP_SECONDS = 10.0
"""How long a process may take to end, once it was told that nobody is there any more."""

WindowSize = tuple[int, int, int, int]
"""Rows, columns, and pixels of a terminal, as C{struct winsize} has them: ioctl_tty(2)."""


class Terminal(Protocol):
    """Who is at the other end of a process."""

    def wrote(self, data: bytes, *, errors: bool) -> None:
        """The process wrote something, to its standard output or error."""

    def take_no_more(self) -> None:
        """The process has more to read than it wants now."""

    def take_more(self) -> None:
        """The process has read what it was given."""

    def ended(self, status: int) -> None:
        """The process has ended, with an exit status as a shell gives it: 128 + n by signal n."""


class SessionProcess(ProcessProtocol):
    """A process of a session."""

    transport: Any
    _killing: IDelayedCall | None = None

    def __init__(self, reactor: Any, terminal: Terminal, *, wrapped: bool) -> None:
        """
        @param wrapped: whether it is a sandbox (L{image_management.jobs.ssh.sandbox}), in which,
            behind a first process of its own, are those that matter.
        """
        self._reactor = reactor
        self._terminal = terminal
        self._wrapped = wrapped
        self._is_running = False

    def start(
        self, command: Sequence[str | bytes], directory: Path, window: WindowSize | None
    ) -> None:
        """
        Start it, with an empty environment.

        @param window: the size of its terminal; C{None}: it has none, but pipes.
        @raise OSError: there can be no more processes.
        """
        self._reactor.spawnProcess(
            self,
            command[0],
            list(command),
            env={},
            path=str(directory),
            usePTY=window is not None,
        )
        self._is_running = True
        self.transport.registerProducer(self, True)
        if window is not None:
            self.resize(window)

    def resize(self, window: WindowSize) -> None:
        """Tell it that its terminal, which it has, has another size."""
        with suppress(OSError):
            size = struct.pack("4H", *(min(number, 0xFFFF) for number in window))
            fcntl.ioctl(self.transport.fileno(), termios.TIOCSWINSZ, size)

    def write(self, data: bytes) -> None:
        """Let it read something."""
        self.transport.write(data)

    def end_input(self) -> None:
        """Let it read nothing more than what it was given; on a terminal there is no such thing."""
        self.transport.unregisterProducer()
        self.transport.closeStdin()

    def hold(self) -> None:
        """Take nothing from it for now."""
        self.transport.pauseProducing()

    def go_on(self) -> None:
        """Take from it what it writes."""
        if self._is_running:
            self.transport.resumeProducing()

    def signal(self, number: int) -> None:
        """Send a signal to every process of the session."""
        for pid in self._members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        """Say that nobody is there any more, and end it if it does not by itself."""
        if self._is_running and self._killing is None:
            self.signal(signal.SIGHUP)
            self._killing = self._reactor.callLater(HANG_UP_SECONDS, self._kill)

    def _kill(self) -> None:
        """With the first process all others end; what they have written still is to be read."""
        for pid in self._firsts() or self._own():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.go_on()

    def _members(self) -> list[int]:
        if not self._wrapped:
            return self._own()
        return [member for first in self._firsts() for member in descendants_of(first)]

    def _firsts(self) -> list[int]:
        """The first process in the sandbox, if there is one yet: behind unshare and bwrap."""
        outer = [child for pid in self._own() for child in children_of(pid)]
        return [first for bwrap in outer for first in children_of(bwrap)] if self._wrapped else []

    def _own(self) -> list[int]:
        pid = self.transport.pid
        return [] if pid is None else [pid]

    def outReceived(self, data: bytes) -> None:
        """Pass it on."""
        self._terminal.wrote(data, errors=False)

    def errReceived(self, data: bytes) -> None:
        """Pass it on."""
        self._terminal.wrote(data, errors=True)

    def pauseProducing(self) -> None:
        """What it was given to read waits."""
        self._terminal.take_no_more()

    def resumeProducing(self) -> None:
        """It has read all."""
        self._terminal.take_more()

    def stopProducing(self) -> None:
        """It reads no more: what comes is thrown away."""
        self._terminal.take_more()

    def inConnectionLost(self) -> None:
        """It reads no more: what comes is thrown away."""
        self._terminal.take_more()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and all that it wrote was passed on."""
        self._is_running = False
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        ended: Any = reason.value
        self._terminal.ended(128 + ended.signal if ended.exitCode is None else ended.exitCode)
