"""What somebody may try who is root in a sandbox, and what comes of it: nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.image_management.jobs.ssh.opened import ShellTestCase
from tests.image_management.jobs.ssh.roots import python_root

ATTACK = Path(__file__).with_name("attack.py")


class Attacks(ShellTestCase):
    def make_root(self, root: Path) -> None:
        python_root(root)
        shutil.copy(ATTACK, root / "attack.py")

    async def test_all(self) -> None:
        secret = self.folder / "secret"
        secret.write_text("the host's")
        hostname, pattern = os.uname().nodename, Path("/proc/sys/kernel/core_pattern").read_text()
        await self.open()
        said = await self.ssh(f"python3 /attack.py {os.getpid()} {secret}")
        self.assertEqual(said.status, 0, said)
        found = json.loads(said.output)
        harmless = {"the host's name, at the host"}
        went_well = {name for name, error in found["forbidden"].items() if error is None}
        self.assertEqual(went_well - harmless, set())
        self.assertEqual({name for name, error in found["allowed"].items() if error}, set())
        self.assertEqual(found["environment of init"], "")
        self.assertNotIn(str(self.folder), found["command of init"].partition("attack.py")[0])
        self.assertLess(found["processes"], 10)
        self.assertEqual(os.uname().nodename, hostname)
        self.assertEqual(Path("/proc/sys/kernel/core_pattern").read_text(), pattern)

    async def test_what_is_found_where_python_looks_is_not_run(self) -> None:
        """sftp is a program of the host, whose working directory is somebody else's."""
        for name in ("os.py", "struct.py", "traceback.py", "image_management.py"):
            (self.root / name).write_text("open('/ran', 'w')")
        await self.open()
        given = b"ls /\nput /nothing /nowhere\n"
        await self.program("sftp", *self.options(), "-b", "-", "sandbox", given=given)
        await self.ssh("sftp", options=["-s"], given=b"\0\0\0\1\xff")
        self.assertFalse((self.root / "ran").exists())
