"""Redis, of the distribution's packages, as a process that is started, frozen, killed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from twisted.trial.unittest import TestCase

from tests.bench.processes import free_port
from tests.certificates import Identity
from tests.engines.listening_process import ListeningProcess
from tests.httpd.outbound.servers import trial_reactor
from tests.running import found_program, run

_TRIES = 5


class RedisServer:
    """
    A server on a port of loopback that it keeps over restarts; it keeps nothing else over them.

    @ivar url: where it is.
    """

    def __init__(
        self, directory: Path, password: str | None = None, identity: Identity | None = None
    ) -> None:
        """
        @param directory: an empty one.
        @param identity: for TLS, and then nothing else is spoken.
        """
        self._directory = directory
        self._password = password
        self._identity = identity
        self._port = free_port()
        self._process: ListeningProcess | None = None

    @property
    def url(self) -> str:
        """The address of its first database."""
        user = "" if self._password is None else f":{quote(self._password, safe='')}@"
        scheme = "redis" if self._identity is None else "rediss"
        return f"{scheme}://{user}localhost:{self._port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    async def start(self) -> None:
        """
        Run it, and wait until it listens.

        @raise AssertionError: it ends instead; with what it has said.
        """
        for _ in range(_TRIES):
            self._process = process = ListeningProcess(b"Ready to accept connections")
            program = found_program("redis-server")
            arguments = [program, "--bind", "127.0.0.1", "--dir", str(self._directory)]
            arguments += ["--save", "", "--rdbcompression", "no", *self._listening()]
            if self._password is not None:
                arguments += ["--requirepass", self._password]
            trial_reactor().spawnProcess(process, program, arguments, env={"PATH": os.defpath})
            if await process.listens:
                return
            self._port = free_port()  # somebody was faster
        raise AssertionError(f"redis-server does not start: {process.said.decode()}")

    def _listening(self) -> Sequence[str]:
        if self._identity is None:
            return ["--port", str(self._port)]
        key, certificate = self._identity.write(self._directory)
        files = ["--tls-key-file", str(key), "--tls-cert-file", str(certificate)]
        return ["--port", "0", "--tls-port", str(self._port), *files, "--tls-auth-clients", "no"]

    async def kill(self) -> None:
        """SIGKILL; what it had is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.signal("KILL")
            await process.ended

    def freeze(self) -> None:
        """Have it answer nothing, while its connections stay, until L{thaw}."""
        assert self._process is not None
        self._process.signal("STOP")

    def thaw(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.signal("CONT")

    async def command(self, *words: str) -> str:
        """What C{redis-cli} shows of a command's reply."""
        output = await run("redis-cli", "-p", str(self._port), "--no-raw", *words)
        return output.decode("utf-8", "replace").rstrip("\n")

    async def dump(self) -> bytes:
        """All that it has, as it would lie on its disk."""
        await self.command("SAVE")
        return (self._directory / "dump.rdb").read_bytes()


async def start_redis(
    test: TestCase, password: str | None = None, identity: Identity | None = None
) -> RedisServer:
    """A server; the test's end kills it."""
    directory = Path(test.mktemp()).resolve()
    directory.mkdir(parents=True)
    server = RedisServer(directory, password, identity)
    test.addCleanup(server.kill)
    await server.start()
    return server
