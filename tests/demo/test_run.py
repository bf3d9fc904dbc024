"""C{make run} on a terminal: what it says, and Ctrl-C at any moment."""

from __future__ import annotations

import re
import shlex
import socket

from tests.demo.terminal import CTRL_C, READY, DemoTestCase


class RunTests(DemoTestCase):
    module = "demo"

    async def test_ctrl_c(self) -> None:
        """Once, and twice at once, at each thing that it says."""
        for moment in ("Making the sample", "The sample infra-env", "Starting", "ready", READY):
            for keys in (CTRL_C, CTRL_C * 2):
                await self.interrupted(moment, lambda terminal, keys=keys: terminal.press(keys))  # type: ignore[misc]

    async def test_second_ctrl_c_while_it_stops(self) -> None:
        terminal = self.run_demo()
        await terminal.until(READY)
        terminal.press(CTRL_C)
        await terminal.until("Stopping")
        terminal.press(CTRL_C)
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
        await made.until(READY)
        made.press(CTRL_C)
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
        await terminal.until(READY)
        guide = terminal.output
        terminal.press(CTRL_C)
        await self.assert_ends(terminal)
        self.assertRegex(guide, r"\n  1 x86_64 full-iso: failed: ")
        self.assertRegex(guide, r"in a browser: http://localhost:\d+/\n")
        self.assertIn(f"{version}/x86_64/full.iso\n", guide.partition("Download:")[2])
        for line in guide.splitlines():
            if "://localhost" in line and line.startswith("  ") and "file=" not in line:
                url = next(word for word in shlex.split(line) if "://" in word)
                self.assertRegex(url, r"^https?://localhost:\d+/[!-~]+$")
                self.assertEqual("&" in line, "&" in url, line)
                self.assertIn(shlex.quote(url), line)
