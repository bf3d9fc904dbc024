"""What C{make run-ims} prints of jobs, with something in place of kiwi."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.image_management.jobs.local.host import STAND_IN
from tests.image_management.jobs.local.pasting import PastingTestCase
from tests.running import found_program


class PastedTests(PastingTestCase):
    timeout = 300

    async def test_all_lines_but_the_machine(self) -> None:
        """In their order; C{make jobs-test} starts the machine, too."""
        kiwi = Path(self.mktemp()).resolve()
        kiwi.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        kiwi.chmod(0o755)
        build, customise, finish, boot = await self.steps(IMS_KIWI=str(kiwi))
        for _, commands in (build, customise, finish):
            for command in commands:
                await self.shell.paste(command)
        log = await self.succeeded_log()
        self.assertIn("== waiting_on_user", log)
        made = (await self.job())["resultant_image_id"]
        image, machine = boot[1]
        await self.shell.paste(image)
        self.assertEqual(await self.shell.variable("image"), made)
        self.assertEqual(await self.left_file(made), "Customised by ssh\n")
        words = shlex.split(machine)
        self.assertTrue(found_program(words[0]))
        self.assertEqual(words[-2:], ["-uuid", "$image"])
        self.assertIn(f"tftp={self.data}/boot,", machine)
        await self.nothing_left()

    async def left_file(self, image: str) -> str:
        """What was left in an image, out of its root file system."""
        artifact = f"{self.collection('images')}/{image}/artifacts/rootfs"
        await self.shell.paste(f"curl --silent --fail --output rootfs {artifact}")
        return await self.shell.paste("unsquashfs -cat rootfs etc/issue.d/ssh.issue")
