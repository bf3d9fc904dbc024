"""C{make run} on a terminal: what it says, and Ctrl-C at any moment."""

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

_CTRL_C = b"\x03"
_READY = "Ctrl-C stops the service"


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


class RunTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.data = Path(self.mktemp()).resolve()

    def run_demo(self, **settings: str) -> Terminal:
        """Start it as the Makefile does, on free ports."""
        terminal = Terminal()
        ports = {"LISTEN_PORT": "0", "HTTP_LISTEN_PORT": "0"}
        command = [sys.executable, "-m", "demo", str(self.data)]
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

    async def test_ctrl_c(self) -> None:
        """Once, and twice at once, at each thing that it says."""
        for moment in ("Making the sample", "The sample infra-env", "Starting", "ready", _READY):
            for keys in (_CTRL_C, _CTRL_C * 2):
                await self.interrupted(moment, lambda terminal, keys=keys: terminal.press(keys))  # type: ignore[misc]

    async def test_second_ctrl_c_while_it_stops(self) -> None:
        terminal = self.run_demo()
        await terminal.until(_READY)
        terminal.press(_CTRL_C)
        await terminal.until("Stopping")
        terminal.press(_CTRL_C)
        await self.assert_ends(terminal)

    async def test_port_that_is_none(self) -> None:
        """Of settings that are wrong it says what the service says, before it starts it."""
        for name, text in (("LISTEN_PORT", "99999"), ("HTTP_LISTEN_PORT", "x")):
            terminal = self.run_demo(**{name: text})
            await terminal.ended
            self.assertEqual(terminal.status, 1)
            self.assertIn(
                f"assisted-images cannot start, 1 setting is wrong:\n  {name}: '{text}'; expected a"
                " whole number from 0 to 65535",
                terminal.output,
            )
            self.assertNotIn("Traceback", terminal.output)

    async def test_busy_port(self) -> None:
        taken = socket.create_server(("", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        terminal = self.run_demo(HTTP_LISTEN_PORT=str(port))
        await terminal.ended
        self.assertIn(f"Port {port} cannot be listened on", terminal.output)
        another = re.search(r"make run HTTP_LISTEN_PORT=(\d+)", terminal.output)
        assert another is not None
        self.assertLess(int(another[1]), 1 << 16)

    async def test_directory_that_cannot_be(self) -> None:
        self.data.write_text("in the way")
        terminal = self.run_demo()
        await terminal.ended
        self.assertEqual(terminal.status, 1)
        self.assertNotIn("Traceback", terminal.output)
        self.assertIn(str(self.data), terminal.output)

    async def test_guide_as_soon_as_one_image_is_ready(self) -> None:
        """The other's URL is wrong; what is shown as an example is the one that is there."""
        made = self.run_demo()
        await made.until(_READY)
        made.press(_CTRL_C)
        await made.ended
        (image,) = (self.data / "sample-image").glob("*.iso")
        version = image.name.removeprefix("rhcos-full-iso-").removesuffix("-x86_64.iso")
        entries = ", ".join(
            f'{{"openshift_version": "4.17", "cpu_architecture": "x86_64", "version": "{one}",'
            ' "url": "http://127.0.0.1:1/nothing.iso"}'
            for one in ("1", version)
        )
        terminal = self.run_demo(
            OS_IMAGES=f"[{entries}]",
            DATA_DIR=str(image.parent),
            MIN_KERNEL_BYTES="1",
            MIN_ROOTFS_BYTES="1",
        )
        await terminal.until(_READY)
        guide = terminal.output
        terminal.press(_CTRL_C)
        await self.assert_ends(terminal)
        self.assertRegex(guide, r"\n  1 x86_64 full-iso: failed: ")
        self.assertIn(f"{version}/x86_64/full.iso\n", guide.partition("Download:")[2])
        for line in guide.splitlines():
            if "://localhost" in line and line.startswith("  ") and "file=" not in line:
                url = next(word for word in shlex.split(line) if "://" in word)
                self.assertRegex(url, r"^https?://localhost:\d+/[!-~]+$")
                self.assertEqual("&" in line, "&" in url, line)
                self.assertIn(shlex.quote(url), line)
