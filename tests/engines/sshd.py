"""OpenSSH's server, of the distribution's packages, as a process with keys of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from getpass import getuser
from pathlib import Path

from twisted.conch.ssh.keys import Key
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.trial.unittest import TestCase

from tests.engines.listening_process import ListeningProcess
from tests.httpd.outbound.servers import trial_reactor
from tests.running import found_program, run

USER = getuser()
"""Who logs in: a server that root does not run lets in nobody else."""

_TRIES = 5


async def make_key(test: TestCase, kind: str = "ecdsa", passphrase: str = "") -> Path:
    """The file of a new private key; its public half is beside it in C{.pub}."""
    path = Path(test.mktemp()).resolve()
    await run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path)
    return path


class Sshd:
    """
    A server on a port of loopback that it keeps over restarts, with one user.

    @ivar port: where it listens.
    """

    def __init__(self, directory: Path, host_keys: Iterable[Path]) -> None:
        """
        @param directory: an empty one.
        """
        self.port = _free_port()
        self.host_keys = [*host_keys]
        self._directory = directory
        self._command = ""
        self._process: ListeningProcess | None = None

    @property
    def endpoint(self) -> TCP4ClientEndpoint:
        """Where it is reached."""
        return TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", self.port)

    @property
    def public_host_keys(self) -> list[Key]:
        """What it is known by."""
        return [Key.fromFile(f"{path}.pub") for path in self.host_keys]

    def known_hosts(self, name: str) -> str:
        """Its lines in a file of known hosts."""
        return "".join(
            f"{name} {Path(f'{path}.pub').read_text('ascii')}" for path in self.host_keys
        )

    def authorize(self, key: Path) -> None:
        """Let the owner of a key log in, and nobody else."""
        (self._directory / "authorized_keys").write_bytes(Path(f"{key}.pub").read_bytes())

    def force(self, command: str) -> None:
        """Run this at each login instead of what is asked for (sshd_config(5), ForceCommand)."""
        self._command = f"ForceCommand {command}\n"

    async def start(self) -> None:
        """
        Run it, and wait until it listens.

        @raise AssertionError: it ends instead; with what it has said.
        """
        for _ in range(_TRIES):
            self._process = process = ListeningProcess(b"Server listening")
            self._write_configuration()
            program = found_program("sshd")
            arguments = [program, "-D", "-e", "-f", str(self._configuration)]
            trial_reactor().spawnProcess(process, program, arguments, env={"PATH": os.defpath})
            if await process.listens:
                return
            self.port = _free_port()  # somebody was faster
        raise AssertionError(f"sshd does not start: {process.said.decode('utf-8', 'replace')}")

    async def stop(self) -> None:
        """End it; connections that are open go on."""
        process, self._process = self._process, None
        if process is not None:
            process.signal("TERM")
            await process.ended

    @property
    def _configuration(self) -> Path:
        return self._directory / "sshd_config"

    def _write_configuration(self) -> None:
        if os.getuid() == 0:
            # Where it locks itself up; the package makes it when the system's own server starts.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        host_keys = "".join(f"HostKey {path}\n" for path in self.host_keys)
        self._configuration.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\n{host_keys}{self._command}"
            f"AuthorizedKeysFile {self._directory}/authorized_keys\n"
            "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )


async def start_sshd(
    test: TestCase, authorized: Path, *, command: str = "", kinds: Iterable[str] = ("ed25519",)
) -> Sshd:
    """
    A server; the test's end ends it.

    @param authorized: whose owner may log in.
    @param command: what L{is run instead<Sshd.force>}.
    @param kinds: of its host keys.
    """
    directory = Path(test.mktemp()).resolve()
    directory.mkdir()
    server = Sshd(directory, [await make_key(test, kind) for kind in kinds])
    server.authorize(authorized)
    if command:
        server.force(command)
    test.addCleanup(server.stop)
    await server.start()
    return server


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
