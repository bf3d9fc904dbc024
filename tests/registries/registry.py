"""Debian's C{docker-registry} as a process: started, watched through its access log, killed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.httpd.outbound.servers import trial_reactor
from tests.running import found_program

USER = "puller"
PASSWORD = "opensesame-pull-password"
_HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuu4jMu8AGyCq9pR382uol.EuPLN2WJmqq\n"
"""L{PASSWORD} by bcrypt, at its least cost: the registry knows no other hash."""

_START_SECONDS = 30.0
_LISTENING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)")
_ACCESS = re.compile(
    rb'^[\d.]+ - (?P<user>\S+) \[[^]]*\] "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/\S+"'
    rb" (?P<status>\d+) (?P<bytes>\d+) "
)


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the access log."""

    method: str
    target: str
    status: int
    bytes: int
    """Of the body, as far as it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    How a registry is configured.

    @ivar tls: files with a private key and its certificate.
    @ivar htpasswd: whether L{USER} has to log in.
    @ivar token: the C{auth.token} section, for Bearer.
    @ivar blobs_at: a URL that blobs' downloads are redirected to.
    """

    tls: tuple[Path, Path] | None = None
    htpasswd: bool = False
    token: dict[str, str] | None = None
    blobs_at: str | None = None


@dataclass
class Registry:
    """
    A registry on a port of loopback that it chose at its first start, and keeps.

    @ivar accesses: what it was asked, over all starts, in the order in which it was done with it.
    """

    directory: Path
    kind: Kind = field(default_factory=Kind)
    port: int = 0
    accesses: list[Access] = field(default_factory=list)
    _process: _Process | None = None

    @property
    def host(self) -> str:
        """C{host:port}, as in pull specs; by name where there is a certificate."""
        return f"{'localhost' if self.kind.tls else '127.0.0.1'}:{self.port}"

    @property
    def blobs(self) -> Path:
        """Below it each blob is a file C{<first two digits>/<hex>/data}."""
        return self.directory / "docker/registry/v2/blobs/sha256"

    def blob(self, digest: str) -> Path:
        """The file of one blob."""
        value = digest.removeprefix("sha256:")
        return self.blobs / value[:2] / value / "data"

    def gets(self, part: str) -> list[Access]:
        """The GET requests with C{part} in their targets."""
        return [one for one in self.accesses if one.method == "GET" and part in one.target]

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory.with_name(self.directory.name + ".yml")
        # JSON is YAML.
        configuration.write_text(json.dumps(self._configuration()))
        self._process = _Process(self)
        program = found_program("docker-registry", "registry")
        command = [program, "serve", str(configuration)]
        trial_reactor().spawnProcess(self._process, program, command, {})
        listening = self._process.listening.addTimeout(_START_SECONDS, trial_reactor())
        self.port = await listening

    def _configuration(self) -> dict[str, Any]:
        http: dict[str, Any] = {"addr": f"127.0.0.1:{self.port}", "secret": "between restarts"}
        auth: dict[str, Any] = {}
        if self.kind.tls is not None:
            key, certificate = self.kind.tls
            http["tls"] = {"key": str(key), "certificate": str(certificate)}
        if self.kind.htpasswd:
            passwords = self.directory.with_name(self.directory.name + ".htpasswd")
            passwords.write_text(_HTPASSWD)
            auth["htpasswd"] = {"realm": "registry", "path": str(passwords)}
        if self.kind.token is not None:
            auth["token"] = self.kind.token
        redirect = {"name": "redirect", "options": {"baseurl": self.kind.blobs_at}}
        return {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(self.directory)}},
            "http": http,
            **({"auth": auth} if auth else {}),
            **({"middleware": {"storage": [redirect]}} if self.kind.blobs_at else {}),
        }

    def kill_now(self) -> None:
        """SIGKILL; its connections break."""
        if self._process is not None:
            try:
                self._process.transport.signalProcess("KILL")  # type: ignore[union-attr]
            except ProcessExitedAlready:
                return

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.kill_now()
        if self._process is not None:
            await self._process.ended
            self._process = None

    def note(self, line: bytes) -> None:
        """Keep what is an access."""
        if match := _ACCESS.match(line):
            method, target = match["method"].decode(), match["target"].decode()
            self.accesses.append(Access(method, target, int(match["status"]), int(match["bytes"])))


class _Process(ProcessProtocol):
    def __init__(self, registry: Registry) -> None:
        self.listening: Deferred[int] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._registry = registry
        self._rest = {1: b"", 2: b""}
        self._errors: list[bytes] = []

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        *lines, self._rest[childFD] = (self._rest[childFD] + data).split(b"\n")
        for line in lines:
            self._registry.note(line)
            if childFD == 2 and not self.listening.called:
                self._look(line)

    def _look(self, line: bytes) -> None:
        self._errors.append(line)
        if match := _LISTENING.search(line):
            self.listening.callback(int(match[1]))

    def processEnded(self, reason: Failure) -> None:
        if not self.listening.called:
            text = b"\n".join(self._errors).decode("utf-8", "replace")
            self.listening.errback(AssertionError(f"docker-registry ended: {text}"))
        self.ended.callback(None)


async def start_registry(test: TestCase, kind: Kind | None = None) -> Registry:
    """An empty registry that runs; the test's end kills it."""
    registry = Registry(Path(test.mktemp()).resolve(), kind or Kind())
    test.addCleanup(registry.kill)
    await registry.start()
    return registry
