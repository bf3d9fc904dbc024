"""C{assisted-images fetch} as a process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from tests.assisted_images.downloads.origin import Origin
from tests.demo.terminal import CTRL_C, Terminal
from tests.field.command_case import CommandTestCase
from tests.field.images import SMALLEST, file_name, os_images
from tests.httpd.outbound.servers import trial_reactor
from tests.running import base_environment, console_script


class FetchTests(CommandTestCase):
    def own(self, images: Mapping[str, str]) -> dict[str, str]:
        return {
            **SMALLEST,
            "DATA_DIR": str(self.data),
            "DOWNLOAD_RETRY_SECONDS": "0.1",
            **images,
        }

    async def fetched(self, images: Mapping[str, str], status: int = 0) -> list[dict[str, Any]]:
        """What it says of each image at its end."""
        output, self.lines = await self.run_command(
            "fetch", "--json", status=status, **self.own(images)
        )
        rows: list[dict[str, Any]] = json.loads(output)
        return rows

    def on_a_terminal(self, images: Mapping[str, str]) -> Terminal:
        terminal = Terminal()
        wide = ("sh", "-c", 'stty rows 40 cols 150 && exec "$@"', "sh")
        trial_reactor().spawnProcess(
            terminal,
            "/bin/sh",
            [*wide, *console_script("assisted-images", "fetch")],
            base_environment() | self.own(images) | {"TERM": "xterm"},
            usePTY=True,
        )
        self.addCleanup(lambda: terminal.ended)
        self.addCleanup(terminal.press, CTRL_C)
        return terminal

    def part(self) -> Path:
        return self.data / f"{file_name('1')}.part"

    async def test_into_an_empty_directory(self) -> None:
        """And then there is nothing to do; the service finds it all there."""
        origin = Origin(self.content)
        images = os_images({"version": "1", "url": f"{self.serve(origin).url}/1.iso"})
        [row] = await self.fetched(images)
        text = f"{file_name('1')}, {len(self.content)} bytes"
        missing = "neither IMAGE_SERVICE_BASE_URL nor the image's rootfs_url is set"
        self.assertEqual(
            row,
            {
                "what": "image 1 x86_64",
                "right": True,
                "text": f"{text}; no minimal ISO: {missing}",
            },
        )
        self.assertIn("image 1 x86_64: ready", self.lines)
        self.assertEqual((self.data / file_name("1")).read_bytes(), self.content)
        url = {"IMAGE_SERVICE_BASE_URL": "http://images.example"}
        [row] = await self.fetched(images | url)
        self.assertEqual(row["text"], text)
        service = await self.start(images, healthy=True)
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        self.assertEqual(origin.asked, [0])

    async def test_one_that_fails(self) -> None:
        """The other is there all the same; what nobody has asked for stays."""
        stranger = self.data / file_name("9")
        stranger.write_bytes(b"another service's")
        good = {"version": "2", "url": f"{self.serve(Origin(self.content)).url}/2.iso"}
        wrong = self.serve(Origin(b"<html>Please log in</html>"))
        images = os_images({"version": "1", "url": f"{wrong.url}/1.iso"}, good)
        rows = await self.fetched(images, status=1)
        self.assertEqual([row["right"] for row in rows], [False, True])
        self.assertIn("not an ISO 9660 image", rows[0]["text"])
        self.assertIn("image 1 x86_64: failed: not an ISO 9660 image", self.lines)
        self.assertEqual(stranger.read_bytes(), b"another service's")
        self.assertTrue((self.data / file_name("2")).exists())

    async def test_interrupted(self) -> None:
        """By Ctrl-C; it goes on where it was."""
        half = len(self.content) // 2
        origin = Origin(self.content, stall_after=half)
        images = os_images({"version": "1", "url": f"{self.serve(origin).url}/1.iso"})
        terminal = self.on_a_terminal(images)
        await terminal.until("12.2M/24.3M")
        terminal.press(CTRL_C)
        await terminal.ended
        self.assertEqual(terminal.status, 130, terminal.output)
        self.assertTrue(terminal.output.endswith("assisted-images: interrupted\n"))
        self.assertNotIn("Traceback", terminal.output)
        self.assertEqual(self.part().stat().st_size, half)
        origin.stall_after = None
        await self.fetched(images)
        self.assertEqual(origin.asked, [0, half])

    async def test_beside_a_service(self) -> None:
        """Which is downloading the same image: the command waits for it, and goes on after it."""
        half = len(self.content) // 2
        origin = Origin(self.content, stall_after=half)
        server = self.serve(origin)
        images = os_images({"version": "1", "url": f"{server.url}/1.iso"})
        service = await self.start(images)
        await server.arrivals.get()
        terminal = self.on_a_terminal(images)
        await terminal.until("another process is downloading it")
        self.assertEqual(terminal.status, None, "it waits")
        origin.stall_after = None
        while self.part().stat().st_size < half:
            await deferLater(trial_reactor(), 0.05)
        await self.kill(service)
        await terminal.ended
        self.assertEqual(terminal.status, 0, terminal.output)
        self.assertEqual(origin.asked, [0, half])
