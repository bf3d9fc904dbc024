"""The real service as a process of its own: started, watched through its log, and stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from socket import socket
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionLost,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import (
    IProcessTransport,
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, ResponseNeverReceived

ROOT = Path(__file__).resolve().parent.parent
"""The repository: where C{twistd} finds the plugin."""

_POLL_SECONDS = 0.2
_SHOWN_LINES = 40


class Reactor(
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorTCP,
    IReactorTime,
):
    """What of a reactor is used here."""


_WITHOUT_CTRL_C = ("/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""Runs a program that Ctrl-C does nothing to, unless it says itself what it does."""

_WITH_SOCKETS = ("/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh")
"""Runs a program that is told that sockets are passed to it (sd_listen_fds(3))."""

_FIRST_SOCKET = 3


class ServiceFailed(Exception):
    """The service ended, or did not do in time what was waited for; the text has its last lines."""


class ServiceProcess(ProcessProtocol):
    """
    C{twistd --nodaemon --pidfile=} and a service, run in the repository's root.

    Listeners on port 0 are found by the log: one line for each, with C{scheme} and C{port}.
    """

    def __init__(
        self,
        reactor: Reactor,
        environment: Mapping[str, str],
        on_line: Callable[[str], None] = lambda _line: None,
        service: str = "assisted-images",
        *,
        on_terminal: bool = False,
    ) -> None:
        """
        @param environment: all of the process's environment, settings included.
        @param on_line: called with each line that the process writes.
        @param service: the name of its plugin.
        @param on_terminal: whether Ctrl-C may come at any moment, and is somebody else's to answer:
            Python would end in a traceback until the service has begun.
        """
        self._service = service
        self._prefix: Sequence[str] = _WITHOUT_CTRL_C if on_terminal else ()
        self._sockets: Sequence[socket] = ()
        self._reactor = reactor
        self._environment = environment
        self._on_line = on_line
        self._rest = {1: b"", 2: b""}
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self._process: IProcessTransport | None = None
        self.lines: list[str] = []
        self.ports: dict[str, int] = {}
        """The port of each listener, by its scheme."""

        self.exit_status: int | None = None
        """C{None} while it runs; negative is the signal that ended it."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log: what of the output is JSON objects."""
        return [event for event in map(_event, self.lines) if event]

    @property
    def pid(self) -> int:
        """
        The process's id.

        @raise ServiceFailed: it was not started, or has ended.
        """
        pid = None if self._process is None else self._process.pid
        if pid is None:
            raise ServiceFailed("the service is not running")
        return int(pid)

    @property
    def peak_memory(self) -> int:
        """The most bytes of memory that were resident at once, until now (C{VmHWM} in proc(5))."""
        if self._process is None:
            raise ServiceFailed("the service was not started")
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise ServiceFailed("the service is no longer running")

    def url(self, path: str, scheme: str | None = None) -> str:
        """An address of the service; on the plain listener where there is one, unless told."""
        scheme = scheme or ("http" if "http" in self.ports else "https")
        return f"{scheme}://localhost:{self.ports[scheme]}{path}"

    def pass_sockets(self, names: str, sockets: Sequence[socket], by: Sequence[str] = ()) -> None:
        """
        Have it listen on sockets that are there already, as systemd would.

        @param names: theirs, with colons between them.
        @param by: the command line of another program, which runs it and passes them on.
        """
        self._prefix = (*_WITH_SOCKETS, *by)
        self._sockets = sockets
        passed = {"LISTEN_FDS": f"{len(sockets)}", "LISTEN_FDNAMES": names}
        self._environment = {**self._environment, **passed}

    def command(self) -> list[str]:
        """What is run."""
        twistd = Path(sys.executable).with_name("twistd")
        return [*self._prefix, str(twistd), "--nodaemon", "--pidfile=", self._service]

    async def start(self, seconds: float) -> None:
        """
        Start the process and wait until it listens.

        @raise ServiceFailed: it ended instead, or took longer than that.
        """
        command = self.command()
        files: dict[int, int | str] = {0: "w", 1: "r", 2: "r"}
        files |= {n: one.fileno() for n, one in enumerate(self._sockets, _FIRST_SOCKET)}
        self._process = self._reactor.spawnProcess(
            self, command[0], command, dict(self._environment), str(ROOT), childFDs=files
        )
        expected = _expected_schemes(self._environment)
        await self.wait_for(lambda: expected <= self.ports.keys(), "listen", seconds)

    async def wait_for(self, holds: Callable[[], bool], what: str, seconds: float | None) -> None:
        """
        Wait until C{holds}, which is asked again after each line of output.

        @param what: what the service is to do, for the error.
        @param seconds: how long to wait; C{None}: for ever.
        @raise ServiceFailed: the process ended, or C{seconds} are over.
        """
        if holds():
            return
        if self.exit_status is not None:
            raise self._failed(f"ended with status {self.exit_status} and did not {what}")
        changed: Deferred[None] = Deferred()
        entry = (holds, changed)
        self._waiting.append(entry)
        if seconds is not None:
            changed.addTimeout(seconds, self._reactor)
        try:
            await changed
        except Exception as failure:
            raise self._failed(f"did not {what} within {seconds} s") from failure
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
        if not holds():
            raise self._failed(f"ended with status {self.exit_status} and did not {what}")

    async def wait_until_healthy(
        self,
        seconds: float,
        authority: bytes | None = None,
        poll: float = _POLL_SECONDS,
        path: str = "/health",
    ) -> None:
        """
        Wait until its readiness probe is 200; of assisted-images: every image is ready.

        @param path: the probe's.
        @param authority: the PEM certificate to trust where there is only a TLS listener.
        @raise ServiceFailed: the process ended, or C{seconds} are over.
        """
        end = self._reactor.seconds() + seconds
        while await self.status_of(path, authority) != 200:
            if self.exit_status is not None:
                raise self._failed(f"ended with status {self.exit_status}")
            if self._reactor.seconds() > end:
                raise self._failed(f"was not healthy within {seconds:g} s")
            await deferLater(self._reactor, poll)

    async def status_of(self, path: str, authority: bytes | None = None) -> int | None:
        """The HTTP status of C{path}, or C{None} where no connection is to be had."""
        try:
            response = await self.client(authority).get(self.url(path))
            await response.content()
        except (ConnectError, ConnectionLost, ResponseNeverReceived):
            return None
        return int(response.code)

    def client(self, authority: bytes | None = None) -> HTTPClient:
        """A client without connections of its own that could outlive a test."""
        trust = trustRootFromCertificates([Certificate.loadPEM(authority)]) if authority else None
        return HTTPClient(Agent(self._reactor, BrowserLikePolicyForHTTPS(trust)))

    async def stop(self, seconds: float, signal: str = "TERM") -> int:
        """
        End the process and return its exit status.

        @raise ServiceFailed: it had to be killed, C{seconds} after the signal.
        """
        if self._process is None:
            return 0
        self._signal(signal)
        try:
            await self.wait_for(lambda: self.exit_status is not None, "end", seconds)
        except ServiceFailed:
            self._signal("KILL")
            await self.wait_for(lambda: self.exit_status is not None, "die", seconds)
            raise
        return self.exit_status or 0

    def _signal(self, signal: str) -> None:
        if self._process is None:
            return
        try:
            self._process.signalProcess(signal)
        except ProcessExitedAlready:
            return

    def _failed(self, what: str) -> ServiceFailed:
        return ServiceFailed("\n    ".join([f"the service {what}", *self.lines[-_SHOWN_LINES:]]))

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Split standard output and standard error into lines."""
        *lines, self._rest[childFD] = (self._rest[childFD] + data).split(b"\n")
        for line in lines:
            self._line_received(line.decode("utf-8", "replace"))
        self._look_again()

    def _line_received(self, line: str) -> None:
        self.lines.append(line)
        event = _event(line)
        if "listening" in event and "scheme" in event and "port" in event:
            self.ports[event["scheme"]] = int(event["port"])
        self._on_line(line)

    def processEnded(self, reason: Failure) -> None:
        """Note how it ended."""
        ended = reason.value
        assert isinstance(ended, ProcessDone | ProcessTerminated)
        self.exit_status = -ended.signal if ended.signal else ended.exitCode
        for rest in filter(None, self._rest.values()):
            self._line_received(rest.decode("utf-8", "replace"))
        self._look_again()

    def _look_again(self) -> None:
        for entry in list(self._waiting):
            holds, changed = entry
            if holds() or self.exit_status is not None:
                self._waiting.remove(entry)
                changed.callback(None)


def _expected_schemes(settings: Mapping[str, str]) -> set[str]:
    """The listeners that the settings ask for."""
    if settings.get("HTTPS_CERT_FILE"):
        return {"https", "http"} if settings.get("HTTP_LISTEN_PORT") else {"https"}
    return {"http"}


def _event(line: str) -> dict[str, Any]:
    """The line as an entry of the log; empty where it is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
