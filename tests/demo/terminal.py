"""A demo on a terminal, as somebody at a keyboard has it."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from tests.running import base_environment

reactor: Any = _reactor

CTRL_C = b"\x03"
READY = "Ctrl-C stops the service"


class Terminal(ProcessProtocol):
    """A program on a terminal of its own."""

    def __init__(self) -> None:
        self.output = ""
        self.ended: Deferred[None] = Deferred()
        self._waiting: list[tuple[str, Deferred[None]]] = []
        self.status: int | None = None

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace").replace("\r\n", "\n")
        for text, shown in self._waiting[:]:
            if text in self.output:
                self._waiting.remove((text, shown))
                shown.callback(None)

    async def until(self, text: str) -> None:
        """Wait until it has shown C{text}, or has ended."""
        if text not in self.output and not self.ended.called:
            shown: Deferred[None] = Deferred()
            self._waiting.append((text, shown))
            await shown

    def press(self, keys: bytes) -> None:
        if not self.ended.called:
            self.transport.write(keys)  # type: ignore[union-attr]

    def processEnded(self, reason: Failure) -> None:
        error: Any = reason.value
        self.status = -error.signal if error.signal else error.exitCode
        for _, shown in self._waiting:
            shown.callback(None)
        self._waiting.clear()
        self.ended.callback(None)


class DemoTestCase(TestCase):
    """
    Tests of a demo.

    @cvar module: what C{python -m} runs.
    """

    timeout = 900  # the first one has an S3 server built
    module: str

    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()

    def run_demo(self, **settings: str) -> Terminal:
        """Start it as the Makefile does, on free ports."""
        terminal = Terminal()
        ports = {"LISTEN_PORT": "0", "HTTP_LISTEN_PORT": "0"}
        command = [sys.executable, "-m", self.module, str(self.data)]
        process = reactor.spawnProcess(
            terminal,
            "/bin/sh",
            ["sh", "-c", f"trap '' INT; exec {shlex.join(command)}"],
            base_environment() | {"HOME": os.environ.get("HOME", "/")} | ports | settings,
            str(ROOT),
            usePTY=True,
        )

        async def end() -> None:
            if not terminal.ended.called:
                process.signalProcess("KILL")
                await terminal.ended

        self.addCleanup(end)
        return terminal

    async def assert_ends(self, terminal: Terminal) -> None:
        """Without a traceback, and with nobody left who listens."""
        if not terminal.ended.called:
            await terminal.ended
        self.assertNotIn("Traceback", terminal.output)
        self.assertNotIn("Error", terminal.output)
        log = self.data / "service.log"
        text = log.read_text() if log.exists() else ""
        self.assertNotIn("Traceback", text)
        for port in re.findall(r'"port":\s*(\d+)', text):
            with socket.socket() as probe, self.assertRaises(ConnectionRefusedError):
                probe.connect(("127.0.0.1", int(port)))

    async def interrupted(
        self, moment: str, press: Callable[[Terminal], None], **settings: str
    ) -> None:
        terminal = self.run_demo(**settings)
        await terminal.until(moment)
        press(terminal)
        await self.assert_ends(terminal)
