"""Root file systems that are open by SSH, and OpenSSH's clients of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from image_management.jobs.ssh.host_keys import load_host_keys
from image_management.jobs.ssh.shell import Place, Shell, open_shell
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.ssh.roots import busybox_root
from tests.running import found_program

ENVIRONMENT = {"IMS_JOB_ID": "5a0b3c1e", "IMS_ARCH": "x86_64"}


class TimedReactor:
    """Trial's reactor, with a time of its own: for what happens after seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds = self.clock.seconds
        self.callLater = self.clock.callLater

    def __getattr__(self, name: str) -> Any:
        return getattr(trial_reactor(), name)


class Ended(ProcessProtocol):
    """A client that goes on meanwhile."""

    transport: Any

    def __init__(self) -> None:
        self.output = b""
        self.errors = b""
        self.done: Deferred[int | None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Any) -> None:
        self.done.callback(reason.value.exitCode)


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a command."""

    status: int
    output: str
    errors: str


class ShellTestCase(TestCase):
    """Tests of one root file system, open to one key."""

    timeout = 300

    shell: Shell

    def make_root(self, root: Path) -> None:
        """Make what is opened."""
        busybox_root(root)

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.root = self.folder / "root"
        self.make_root(self.root)
        self.key = self.make_key("id")
        self.reactor = TimedReactor()

    def make_key(self, name: str, kind: str = "ed25519") -> Path:
        """A new private key, whose public half is beside it."""
        path = self.folder / name
        command = [found_program("ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", str(path)]
        subprocess.run(command, check=True)
        return path

    def place(self, **changes: Any) -> Place:
        """What is opened."""
        keys = self.key.with_suffix(".pub").read_text()
        return Place(**{
            "root": self.root, "notes": self.folder / "notes", "authorized_keys": keys,
            "environment": ENVIRONMENT, **changes,
        })  # fmt: skip

    async def open(self, port: int = 0, **changes: Any) -> Shell:
        """Open it until the end of the test."""
        host_keys = load_host_keys(self.folder / "host")
        place = self.place(**changes)
        self.shell = await open_shell(self.reactor, place, host_keys, [port], "127.0.0.1")
        self.addCleanup(self.close, self.shell)
        known = [
            f"[127.0.0.1]:{self.shell.port} {path.read_text()}"
            for path in sorted((self.folder / "host").glob("*.pub"))
        ]
        (self.folder / "known_hosts").write_text("".join(known))
        self.write_config(self.shell.port)
        return self.shell

    def write_config(self, port: int) -> None:
        """What OpenSSH's programs are told: that the host C{sandbox} is at this port."""
        (self.folder / "config").write_text(
            f"Host sandbox\nHostName 127.0.0.1\nPort {port}\nUser root\n"
            f"UserKnownHostsFile {self.folder}/known_hosts\nGlobalKnownHostsFile none\n"
            "StrictHostKeyChecking yes\nIdentitiesOnly yes\nBatchMode yes\nLogLevel ERROR\n"
        )

    def close(self, shell: Shell) -> Deferred[None]:
        """Close it, without the seconds that it takes until sessions and clients are gone."""
        return Deferred.fromCoroutine(self.soon(shell.close()))

    async def begin_to_close(self) -> Deferred[None]:
        """Have sessions been told that they are over; time is to go by for what follows."""
        closing = Deferred.fromCoroutine(self.shell.close())
        # In the next turn of the reactor it listens no more, and goes on.
        await deferLater(trial_reactor(), 0)
        return closing

    def options(self, key: Path | None = None) -> list[str]:
        """What tells OpenSSH's programs where to log in and how; the host is called C{sandbox}."""
        return ["-F", str(self.folder / "config"), "-i", str(key or self.key)]

    async def program(self, name: str, *arguments: str, given: bytes = b"") -> Said:
        """Run a program of OpenSSH to its end."""
        output, errors, status = await getProcessOutputAndValue(
            found_program(name),
            arguments,
            {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdinBytes=given,
        )
        return Said(status, output.decode(), errors.decode())

    async def ssh(self, *command: str, given: bytes = b"", options: Sequence[str] = ()) -> Said:
        """Run a command in there, or a shell if there is none."""
        return await self.program(
            "ssh", *self.options(), *options, "sandbox", *command, given=given
        )

    async def said(self, command: str) -> str:
        """What a command in there says, which is well with it."""
        said = await self.ssh(command)
        self.assertEqual((said.status, said.errors), (0, ""), said)
        return said.output

    def begin(self, *arguments: str, terminal: bool = False) -> Ended:
        """Begin with a command in there; the end of the test ends it."""
        ended = Ended()
        program = found_program("ssh")
        process = trial_reactor().spawnProcess(
            ended,
            program,
            [program, *self.options(), *arguments],
            env={"PATH": os.environ["PATH"], "TERM": "vt100"},
            usePTY=terminal,
        )
        self.addCleanup(_kill, process)
        return ended

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something is so."""
        while not holds():
            await deferLater(trial_reactor(), 0.02)

    async def soon(self, awaited: Awaitable[Any]) -> Any:
        """What comes of something that waits for time to go by: it does, by tenths of a second."""
        result = Deferred.fromCoroutine(_awaited(awaited))
        while not result.called:
            self.reactor.clock.advance(0.1)
            await deferLater(trial_reactor(), 0.01)
        return await result


async def _awaited(awaited: Awaitable[Any]) -> Any:
    return await awaited


def _kill(process: Any) -> None:
    if process.pid is not None:
        process.signalProcess("KILL")
