"""C{make run-ims} on a terminal: its lines do what they say, and Ctrl-C ends it at any moment."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.demo.terminal import CTRL_C, READY, DemoTestCase
from tests.running import run


class RunImsTests(DemoTestCase):
    module = "demo.image_management"

    async def test_ctrl_c(self) -> None:
        for moment in ("Starting", "Making the samples", READY):
            for keys in (CTRL_C, CTRL_C * 2):
                await self.interrupted(
                    moment,
                    lambda terminal, keys=keys: terminal.press(keys),  # type: ignore[misc]
                    IMS_JOB_BACKEND="none",
                )

    async def test_every_line(self) -> None:
        """In their order, by a shell's words; a second start shows the same samples."""
        terminal = self.run_demo(IMS_JOB_BACKEND="none")
        await terminal.until(READY)
        self.assertIn("\nJobs are refused: IMS_JOB_BACKEND is none\n", terminal.output)
        commands = [
            shlex.split(line) for line in terminal.output.splitlines() if line.startswith("  curl ")
        ]
        answers = [await self.answered(command) for command in commands]
        listed, made, changed, _, _, _ = answers
        [sample] = json.loads(listed)
        self.assertEqual(sample["name"], "sample-image")
        self.assertEqual(json.loads(made)["metadata"], {"team": "os"})
        self.assertEqual(json.loads(changed)["metadata"]["team"], "network")
        [page] = re.findall(r"(?m)^Open in a browser: (\S+)$", terminal.output)
        self.assertIn(b">sample-image</a>", await self.answered(["curl", page]))
        [url] = re.findall(r"(?m)^  sample image +(\S+)", terminal.output)
        again = json.loads(await self.answered(["curl", url]))
        self.assertEqual(again["link"], sample["link"], "gone, and back")
        for name in ("kernel", "initrd", "rootfs", "boot_parameters"):
            [artifact] = re.findall(rf"{name} +(\S+/artifacts/{name})", terminal.output)
            self.assertGreater(len(await self.answered(["curl", artifact])), 10)
        terminal.press(CTRL_C)
        await self.assert_ends(terminal)
        second = self.run_demo(IMS_JOB_BACKEND="none")
        await second.until(READY)
        self.assertIn(f"/v3/images/{sample['id']}\n", second.output)
        second.press(CTRL_C)
        await self.assert_ends(second)

    async def answered(self, command: list[str]) -> bytes:
        """What curl writes; it fails where the answer is a refusal."""
        words = ["/dev/null" if word == "part" else word for word in command[1:]]
        return await run("curl", "--silent", "--show-error", "--fail-with-body", *words)

    async def test_another_s3_server_that_is_not_there(self) -> None:
        terminal = self.run_demo(
            S3_ENDPOINT="http://127.0.0.1:1", S3_ACCESS_KEY="a", S3_SECRET_KEY="b"
        )
        await self.assert_ends(terminal)
        self.assertEqual(terminal.status, 1)
        self.assertIn("connection refused", terminal.output)

    async def test_port_that_is_none(self) -> None:
        terminal = self.run_demo(LISTEN_PORT="99999")
        await terminal.ended
        self.assertEqual(terminal.status, 1)
        self.assertIn("image-management cannot start, 1 setting is wrong:", terminal.output)
        self.assertFalse(Path(self.data / "service.log").exists())
