"""Files to and from the sandbox by OpenSSH's sftp and scp."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.image_management.jobs.ssh.opened import Said, ShellTestCase
from tests.image_management.jobs.ssh.roots import tree


class Sftp(ShellTestCase):
    async def sftp(self, *lines: str) -> Said:
        """What sftp says to some of its commands; it ends at the first that fails."""
        given = "".join(f"{line}\n" for line in lines).encode()
        return await self.program("sftp", *self.options(), "-b", "-", "sandbox", given=given)

    async def succeed(self, *lines: str) -> str:
        said = await self.sftp(*lines)
        self.assertEqual((said.status, said.errors), (0, ""), said)
        return said.output

    async def test_a_file_comes_and_goes(self) -> None:
        await self.open()
        file, back = self.folder / "file", self.folder / "back"
        file.write_bytes(os.urandom(5_000_000))
        file.chmod(0o640)
        await self.succeed(f"put -p {file} /root/file", f"get -p /root/file {back}")
        self.assertEqual((self.root / "root/file").read_bytes(), file.read_bytes())
        self.assertEqual(back.read_bytes(), file.read_bytes())
        self.assertEqual(back.stat().st_mode, file.stat().st_mode)
        self.assertEqual(int(back.stat().st_mtime), int(file.stat().st_mtime))

    async def test_all_that_it_can_do(self) -> None:
        await self.open()
        file = self.folder / "file"
        file.write_text("text")
        output = await self.succeed(
            "pwd", "mkdir /srv", "cd /srv", f"put {file} ünï", "rename ünï b", "symlink ../x c",
            "ln b hard", "chmod 751 b", "chown 12 b", "chgrp 34 b", "ls -l",
            "mkdir d", "rmdir d", "rm hard", f"put {file} e", f"put {file} g", "rename e g",
        )  # fmt: skip
        self.assertIn("working directory: /root", output)
        found = self.root / "srv/b"
        facts = found.stat()
        self.assertEqual((found.read_text(), facts.st_uid, facts.st_gid), ("text", 12, 34))
        self.assertEqual(stat.S_IMODE(facts.st_mode), 0o751)
        self.assertEqual((self.root / "srv/c").readlink(), Path("../x"))
        self.assertEqual([*tree(self.root / "srv")], ["b", "c", "g"])
        self.assertRegex(output, r"-rwxr-x--x +2 12 +34 +4 \w+ +\d+ \d\d:\d\d b\n")

    async def test_many_names(self) -> None:
        (self.root / "many").mkdir()
        for number in range(1234):
            (self.root / f"many/{number:04}").touch()
        await self.open()
        names = (await self.succeed("ls -1 /many")).split()[-1234:]
        self.assertEqual(names, [f"/many/{number:04}" for number in range(1234)])

    async def test_what_is_not_there(self) -> None:
        await self.open()
        said = await self.sftp(f"get /nothing {self.folder}/x")
        self.assertEqual(said.status, 1)
        self.assertIn("not found", said.errors)
        said = await self.sftp("ls /nothing")
        self.assertIn("not found", said.errors)
        said = await self.sftp("rmdir /etc")
        self.assertEqual(said.status, 1)

    async def test_no_other_subsystem(self) -> None:
        await self.open()
        said = await self.ssh("netconf", options=["-s"])
        self.assertIn("subsystem request failed", said.errors)

    async def test_nothing_of_the_host_is_there(self) -> None:
        secret = self.folder / "secret"
        secret.write_text("the host's")
        (self.root / "out").symlink_to(secret)
        (self.root / "up").symlink_to("../" * 40 + str(secret)[1:])
        await self.open()
        for path in (secret, "/out", "/up", "../" * 40 + str(secret)[1:], f"/proc/1/root{secret}"):
            said = await self.sftp(f"get {path} {self.folder}/got")
            self.assertEqual((said.status, (self.folder / "got").exists()), (1, False), path)

    async def test_devices_of_an_image_are_not_the_host_s(self) -> None:
        os.mknod(self.root / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        await self.open()
        said = await self.sftp(f"get /zero {self.folder}/got")
        self.assertEqual((said.status, (self.folder / "got").exists()), (1, False))
        said = await self.ssh("head -c 1 /zero")
        self.assertIn("Permission denied", said.errors)

    async def test_what_the_sandbox_mounts_upon_stays(self) -> None:
        await self.open()
        for name in ("dev", "proc", "run"):
            said = await self.sftp(f"rename /{name} /other")
            self.assertEqual((said.status, said.errors != ""), (1, True), said)
            self.assertIn("busy", (await self.ssh(f"mv /{name} /other")).errors)


class Scp(ShellTestCase):
    async def test_files_come_and_go(self) -> None:
        await self.open()
        there = self.folder / "there"
        (there / "sub").mkdir(parents=True)
        (there / "sub/file").write_text("text")
        (there / "sub/run").touch()
        (there / "sub/run").chmod(0o755)
        said = await self.program("scp", *self.options(), "-r", str(there), "sandbox:")
        self.assertEqual((said.status, said.errors), (0, ""))
        self.assertTrue(os.access(self.root / "root/there/sub/run", os.X_OK))
        back = self.folder / "back"
        said = await self.program("scp", *self.options(), "-rp", "sandbox:~/there", str(back))
        self.assertEqual((said.status, said.errors), (0, ""))
        self.assertEqual((back / "sub/file").read_text(), "text")

    async def test_what_is_not_there(self) -> None:
        await self.open()
        said = await self.program("scp", *self.options(), "sandbox:/nothing", str(self.folder))
        self.assertEqual(said.status, 1)
        self.assertIn("No such file", said.errors)
