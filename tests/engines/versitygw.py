"""versitygw, an S3 server on a directory, as a process: the S3 of nearly all tests."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from demo.go_programs import go_program
from demo.service import ROOT
from image_management.s3.access import S3Access
from tests.httpd.outbound.servers import trial_reactor

ACCESS_KEY = "AKIDIMSTESTKEY"
SECRET_KEY = "opensesame-s3-secret"
BUCKETS = ("boot-images", "ims")
"""The ones that image management uses by default."""

_MODULE = ROOT / "demo/versitygw"
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
_POLL_SECONDS = 0.02
_TRIES = 5


def boto3_client(access: S3Access) -> Any:
    """Another client of S3, which blocks: to prepare and to look at what is there."""
    config = Config(
        signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}
    )
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint,
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        region_name=access.region,
        config=config,
    )


class Versitygw:
    """
    An S3 server on a port of loopback that it keeps over restarts.

    @ivar access: how its clients get at it, as the one who may do everything.
    """

    def __init__(self, directory: Path) -> None:
        """
        @param directory: what is in the buckets, which are directories there.  Its file system must
            have extended attributes.
        """
        self.directory = directory
        self.access = S3Access("", ACCESS_KEY, SECRET_KEY)
        self._port = 0
        self._process: _Process | None = None

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._port}"

    def client(self) -> Any:
        """A boto3 client of it."""
        return boto3_client(self.access)

    async def start(self) -> None:
        """Start it on its port, the first time on a free one, and wait until it listens."""
        for _ in range(_TRIES):
            if not self.access.endpoint:
                self._port = _free_port()
            if await self._listens():
                self.access = S3Access(self.endpoint, ACCESS_KEY, SECRET_KEY)
                return
        raise AssertionError(f"versitygw does not start: {self._output()}")

    async def _listens(self) -> bool:
        """Start it, and see whether it goes on; else somebody was faster at the port."""
        objects, users = self.directory / "objects", self.directory / "users"
        for directory in (objects, users):
            directory.mkdir(parents=True, exist_ok=True)
        program = go_program(_MODULE, _PACKAGE)
        command = [program, "--quiet", "--port", f"127.0.0.1:{self._port}", "--iam-dir", users]
        process = self._process = _Process()
        trial_reactor().spawnProcess(
            process,
            str(program),
            [str(part) for part in (*command, "posix", objects)],
            {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        )
        endpoint = TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", self._port)
        while not process.ended.called:
            try:
                await connectProtocol(endpoint, _Knock())
            except ConnectError:
                await deferLater(trial_reactor(), _POLL_SECONDS)
            else:
                break
        return not process.ended.called

    def _output(self) -> str:
        assert self._process is not None
        return b"".join(self._process.output).decode("utf-8", "replace")

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone; what it had acknowledged stays."""
        process, self._process = self._process, None
        if process is not None:
            process.signal("KILL")
            await process.ended

    def pause(self) -> None:
        """Have it answer nothing, while its connections stay, until L{resume}."""
        assert self._process is not None
        self._process.signal("STOP")

    def resume(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.signal("CONT")

    def add_user(self, access_key: str, secret_key: str) -> S3Access:
        """Another user, who may do what bucket policies allow; blocking."""
        program = go_program(_MODULE, _PACKAGE)
        login = ["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--endpoint-url", self.endpoint]
        user = ["--access", access_key, "--secret", secret_key, "--role", "user"]
        command = [str(program), "admin", *login, "create-user", *user]
        subprocess.run(command, check=True, capture_output=True, env={"PATH": os.defpath})
        return S3Access(self.endpoint, access_key, secret_key)


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
        self.output.append(data)

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    def signal(self, name: str) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


async def start_versitygw(test: TestCase, *buckets: str) -> Versitygw:
    """
    An S3 server with empty buckets, by default L{BUCKETS}; the test's end kills it.

    Call it first thing in C{setUp}: what builds the program the first time blocks.
    """
    server = Versitygw(Path(test.mktemp()).resolve())
    test.addCleanup(server.kill)
    await server.start()
    client = server.client()
    for bucket in buckets or BUCKETS:
        client.create_bucket(Bucket=bucket)
    return server
