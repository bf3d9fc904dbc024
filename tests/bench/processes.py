"""Other programs: started on CPUs of their own, watched through proc(5), and always ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.service import ROOT
from tests.running import base_environment, found_program

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.02
"""Between two questions: each of them costs the one who is asked a ms, of its first seconds too."""
_SHOWN_CHARACTERS = 3000


class BenchError(Exception):
    """Something cannot be measured; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Placement:
    """
    The CPUs of servers that are compared and those of their clients, as C{taskset} has them;
    empty: any.

    Each server has one CPU, so that where the scheduler puts it makes no difference.
    """

    servers: str
    clients: str

    @classmethod
    def of_this_machine(cls) -> Placement:
        """The first CPU for servers, all others for clients."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(str(first), ",".join(map(str, others))) if others else cls("", "")


class Process:
    """A program that runs."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cpus: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        """
        @param log: takes what it writes.
        @param cpus: the CPUs that it may use; empty: any.
        """
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                on_cpus(command, cpus),
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=dict(base_environment() if environment is None else environment),
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    def family(self) -> list[int]:
        """The ids of the process and of all that descend from it."""
        return list(_family(self.pid))

    def cpu_seconds(self) -> float:
        """CPU time of the process and of all that descend from it, the kernel's for it included."""
        return sum(map(_cpu_seconds, self.family()))

    def peak_memory(self) -> int:
        """The most bytes that were resident at once until now (C{VmHWM}), of this process alone."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"process {self.pid} has ended")

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        """
        Ask now and then whether something holds.

        @raise BenchError: it did not in time, or the process ended; with its last words.
        """
        end = time.monotonic() + seconds
        while not holds():
            if self._popen.poll() is not None:
                raise BenchError(f"{what}: ended with status {self._popen.poll()}{self.last_words}")
            if time.monotonic() > end:
                raise BenchError(f"{what}: not within {seconds:g} s{self.last_words}")
            time.sleep(_PAUSE_SECONDS)

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n" + self.log.read_text(errors="replace")[-_SHOWN_CHARACTERS:]

    def stop(self) -> None:
        """End it; by force, when asking does not help."""
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        if self._popen.poll() is None:
            self._popen.terminate()
        try:
            self._popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class BackgroundClient(Process):
    """A program of C{tests.bench.clients} that works until its input ends."""

    def __init__(self, module: str, task: Mapping[str, Any], log: Path, cpus: str = "") -> None:
        super().__init__(client_command(module, task), log, cpus=cpus, stdin=subprocess.PIPE)

    def wait_until_ready(self, seconds: float = 60) -> None:
        """
        Return once it has said that it is at work.

        @raise BenchError: it has not in time.
        """
        self.wait_until(lambda: self.log.read_text().startswith("ready"), "a client", seconds)

    def finish(self) -> Any:
        """
        Have it end; what it printed, from JSON.

        @raise BenchError: it failed.
        """
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        if self._popen.wait(_STOP_SECONDS):
            raise BenchError(f"a client failed{self.last_words}")
        return json.loads(self.log.read_text().splitlines()[-1])


@contextmanager
def wakeful(cpus: str, log: Path) -> Iterator[list[str]]:
    """
    Keep the last of some CPUs from sleeping until the block ends.

    To wake it would be the work of a server that answers, for each answer to a client that is
    faster than the server: in a virtual machine a sixth of what the answer costs, and nothing for a
    server that is faster than its client.

    @param cpus: empty: none is kept for clients, and nothing is done.
    @return: what to begin the client's command with: it runs there, at once when there is something
        to do, without interrupting what keeps the CPU awake (C{SCHED_BATCH}, sched(7)).
    """
    last = cpus.rpartition(",")[2]
    if not last:
        yield []
        return
    waking = [sys.executable, "-c", "import os\nwhile True: os.sched_yield()"]
    with running(Process(waking, log, cpus=last)):
        yield [found_program("chrt"), "--batch", "0", *on_cpus((), last)]


@contextmanager
def running(process: Process) -> Iterator[None]:
    """See to it that the process ends with the block."""
    try:
        yield
    finally:
        process.stop()


def on_cpus(command: Sequence[str], cpus: str) -> list[str]:
    """The command, kept to some CPUs."""
    return [*(["taskset", "--cpu-list", cpus] if cpus else []), *command]


def client_command(module: str, task: Mapping[str, Any]) -> list[str]:
    """A program of C{tests.bench.clients} with what it is to do."""
    return [sys.executable, "-m", f"tests.bench.clients.{module}", json.dumps(task)]


def run_client(module: str, task: Mapping[str, Any], cpus: str = "", seconds: float = 120) -> Any:
    """What a client printed, from JSON."""
    return json.loads(run(client_command(module, task), cpus, seconds))


def run(command: Sequence[str], cpus: str = "", seconds: float = 120) -> str:
    """
    The standard output of a program that ends by itself.

    @raise BenchError: it failed, or took too long and was killed.
    """
    program, *arguments = command
    try:
        done = subprocess.run(
            on_cpus([found_program(program), *arguments], cpus),
            cwd=ROOT,
            env=base_environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{Path(program).name} was not done within {seconds:g} s") from None
    if done.returncode:
        words = (done.stdout + done.stderr)[-_SHOWN_CHARACTERS:]
        raise BenchError(f"{Path(program).name} ended with status {done.returncode}\n{words}")
    return done.stdout


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue  # has just ended
        for child in found:
            yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    # The name, in parentheses, may hold anything; utime and stime are the 12th and 13th behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
