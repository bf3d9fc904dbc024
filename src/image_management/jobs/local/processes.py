"""
The programs that do the work: each in a process space and with mounts of its own, so that nothing
of what it starts or mounts outlives it, nor the service when that is killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from image_management.jobs.local.logs import last_lines
from image_management.jobs.process_tree import UNSHARE, WITH_MOUNTS, children_of

TERMINATION_SECONDS = 10.0
"""Between SIGTERM and SIGKILL."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")

_LINES = 20
"""Of the log that a failure tells."""


class ProgramFailed(Exception):
    """A program did not do its work; the text says how it ended, and with which last words."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take, each for a process of it."""

    memory: int
    """Bytes of address space."""
    file: int
    """Bytes of a file."""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """
    The environment of programs, but for their C{HOME}: proxies are all that they get of ours.

    @param given: the environment of the service.
    """
    names = {*_PROXIES, *map(str.upper, _PROXIES)}
    return {
        "PATH": given.get("PATH") or _PATH,
        "LANG": "C.UTF-8",
        # What kiwi packs by xz(1) besides the root file system is of no use here: fast is enough.
        "XZ_OPT": "-0",
        **{name: value for name, value in given.items() if name in names},
    }


class Programs:
    """Runs programs."""

    def __init__(self, reactor: Any, environment: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._environment = environment

    async def run(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        limits: Limits,
        files: Mapping[int, int] | None = None,
    ) -> None:
        """
        Run a program to its end.  Cancelled, it is ended with all that it has started: by SIGTERM,
        and if need be by SIGKILL.

        @param folder: where it runs.
        @param log: the file that it writes its words to itself, so that it is only ever kept
            waiting by the disk.
        @param files: further open files, by the numbers by which it knows them; 0 is its input.
        @raise ProgramFailed: it has not ended well.
        """
        began = log.stat().st_size
        words = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        program = _Program()
        try:
            self._reactor.spawnProcess(
                program,
                _CONFINED[0],
                [*_CONFINED, *_limited(limits), *_FIRST_PROCESS, *command],
                env={**self._environment, "HOME": str(folder)},
                path=str(folder),
                childFDs={0: nothing, 1: words, 2: words, **(files or {})},
            )
        finally:
            os.close(words)
            os.close(nothing)
        try:
            await program.ended
        except CancelledError:
            await self._end(program)
            raise
        if program.how:
            said = last_lines(log, _LINES, began)
            raise ProgramFailed(f"{Path(command[0]).name} {program.how}: {said}".rstrip(": "))

    async def _end(self, program: _Program) -> None:
        program.terminate()
        late = self._reactor.callLater(TERMINATION_SECONDS, program.kill)
        await program.over()
        if late.active():
            late.cancel()


_CONFINED = ("/usr/bin/setsid", *UNSHARE, *WITH_MOUNTS, "nice", "--adjustment=10")
"""A session and process space of its own, with whose first process everything ends."""

_FIRST_PROCESS = ("sh", "-c", '"$@"; exit $?', "sh")
"""A process 1 would ignore SIGTERM: the program is the second."""


def _limited(limits: Limits) -> Sequence[str]:
    return ("prlimit", f"--as={limits.memory}", f"--fsize={limits.file}", "--core=0", "--")


class _Program(ProcessProtocol):
    """
    A running program.

    @ivar ended: fires when it has ended; may be cancelled.
    @ivar how: how that was; empty: well.
    """

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.how = ""
        self._pid: int | None = None
        self._over: list[Deferred[None]] = []

    def connectionMade(self) -> None:
        """It runs."""
        assert self.transport is not None
        self._pid = self.transport.pid

    def over(self) -> Deferred[None]:
        """Fires when it has ended."""
        over: Deferred[None] = Deferred()
        if self._pid is None:
            over.callback(None)
        else:
            self._over.append(over)
        return over

    def terminate(self) -> None:
        """Ask it and all that it has started to end."""
        if self._pid is None:
            return
        for send in (os.killpg, os.kill):
            try:
                send(self._pid, signal.SIGTERM)
            except ProcessLookupError:
                continue  # it has no group of its own yet
            return

    def kill(self) -> None:
        """End it with all that it has started, and only then be over."""
        if self._pid is None:
            return
        for pid in children_of(self._pid) or [self._pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processEnded(self, reason: Failure) -> None:
        """Take note of how it has ended."""
        self._pid = None
        status, number = (
            getattr(reason.value, "exitCode", None),
            getattr(reason.value, "signal", None),
        )
        if number is None and status is not None and status > 128:
            number = status - 128
        if number is not None:
            self.how = f"was ended by {_signal_name(number)}"
        elif status:
            self.how = f"ended with status {status}"
        if not self.ended.called:
            self.ended.callback(None)
        for over in self._over:
            over.callback(None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
