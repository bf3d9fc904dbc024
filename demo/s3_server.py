"""versitygw, an S3 server on a directory, as a process."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from signal import Signals

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from demo.go_programs import go_program
from demo.service import ROOT, Reactor
from image_management.s3.access import S3Access

_MODULE = ROOT / "demo/versitygw"
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
_POLL_SECONDS = 0.02
_TRIES = 5


class S3ServerFailed(Exception):
    """The server does not start; the text has what it said."""


class S3Server:
    """
    An S3 server on a port of loopback that it keeps over restarts.

    @ivar access: how its clients get at it, as the one who may do everything.
    """

    def __init__(self, reactor: Reactor, directory: Path, access_key: str, secret_key: str) -> None:
        """
        @param directory: what is in the buckets, which are directories below it.  Its file system
            must have extended attributes.
        """
        self.directory = directory
        self.access = S3Access("", access_key, secret_key)
        self._reactor = reactor
        self._port = 0
        self._process: _Process | None = None

    async def start(self) -> None:
        """
        Start it on its port, the first time on a free one, and wait until it listens.

        Blocks while the program is built, the first time on a machine.

        @raise S3ServerFailed: it ends instead.
        """
        program = self.program()
        for _ in range(_TRIES):
            if not self.access.endpoint:
                self._port = _free_port()
            process = await self._listening(program)
            if process is not None:
                endpoint = f"http://127.0.0.1:{self._port}"
                self.access = S3Access(endpoint, self.access.access_key, self.access.secret_key)
                return
        raise S3ServerFailed(f"versitygw does not start: {self._output()}")

    @staticmethod
    def program() -> Path:
        """
        The program, which is built the first time on a machine.

        @raise subprocess.CalledProcessError: it cannot be built.
        """
        return go_program(_MODULE, _PACKAGE)

    @property
    def _users(self) -> Path:
        """Where it keeps who may do what."""
        return self.directory / "users"

    @property
    def _objects(self) -> Path:
        """Where its buckets are."""
        return self.directory / "objects"

    def make_bucket(self, name: str) -> None:
        """Have a bucket of that name, which is a directory."""
        (self._objects / name).mkdir(parents=True, exist_ok=True)

    async def _listening(self, program: Path) -> _Process | None:
        """Start it, and see whether it goes on; else somebody was faster at the port."""
        for directory in (self._objects, self._users):
            directory.mkdir(parents=True, exist_ok=True)
        port, users, objects = f"127.0.0.1:{self._port}", str(self._users), str(self._objects)
        options = ["--quiet", "--port", port, "--iam-dir", users, "posix", objects]
        process = self._process = _Process()
        self._reactor.spawnProcess(
            process,
            str(program),
            [str(program), *options],
            {
                "ROOT_ACCESS_KEY": self.access.access_key,
                "ROOT_SECRET_KEY": self.access.secret_key,
            },
        )
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._port)
        while not process.ended.called:
            try:
                await connectProtocol(endpoint, _Knock())
            except ConnectError:
                await deferLater(self._reactor, _POLL_SECONDS)
            else:
                break
        return None if process.ended.called else process

    def _output(self) -> str:
        assert self._process is not None
        return b"".join(self._process.output).decode("utf-8", "replace")

    def signal(self, name: str) -> None:
        """Send it a signal, where it runs."""
        if self._process is not None:
            self._process.signal(name)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone; what it had acknowledged stays."""
        self.signal("KILL")
        process, self._process = self._process, None
        if process is not None:
            await process.ended


class _Knock(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _Process(ProcessProtocol):
    transport: IProcessTransport

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.output: list[bytes] = []

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Keep what it says."""
        self.output.append(data)

    def processEnded(self, reason: Failure) -> None:
        """Note that it has ended."""
        self.ended.callback(None)

    def signal(self, name: str) -> None:
        """Send a signal."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(Signals[f"SIG{name}"])


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
