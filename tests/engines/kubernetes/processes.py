"""Programs that run as long as the tests do."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.running import found_program

POLL_SECONDS = 0.05
_SHOWN_BYTES = 4000


class Processes:
    """
    Programs with their logs in one directory.  They end with this process, however that ends.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one, which writes what it says into C{<name>.log}."""
        end_with_us = [found_program("setpriv"), "--pdeathsig=KILL", "--"]
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*end_with_us, *command],
                cwd=self._directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which end them in order
            )
        self._running.append((name, process))

    def wait_until(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        """
        Block until something is so.

        @raise AssertionError: it takes longer, or a program has ended; with the end of its log.
        """
        late = time.monotonic() + seconds
        while not is_so():
            for name, process in self._running:
                if process.poll() is not None:
                    raise AssertionError(f"{name} has ended: {self.said(name)}")
            if time.monotonic() > late:
                logs = "\n".join(self.said(name) for name, _ in self._running)
                raise AssertionError(f"not within {seconds:g} s: {what}\n{logs}")
            time.sleep(POLL_SECONDS)

    def said(self, name: str) -> str:
        """The end of what one has written."""
        text = (self._directory / f"{name}.log").read_bytes()[-_SHOWN_BYTES:]
        return text.decode("utf-8", "replace")

    def memory(self) -> dict[str, int]:
        """What each holds, in MiB."""
        sizes = {}
        for name, process in self._running:
            status = Path(f"/proc/{process.pid}/status").read_text()
            (line,) = (one for one in status.splitlines() if one.startswith("VmRSS:"))
            sizes[name] = int(line.split()[1]) // 1024
        return sizes

    def end(self, *names: str) -> None:
        """SIGKILL some, or all, the latest first, and wait until they are gone."""
        for name, process in reversed([*self._running]):
            if not names or name in names:
                process.send_signal(signal.SIGKILL)
                process.wait()
                self._running.remove((name, process))


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
