"""Ansible, by which images are mostly customised."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.utils import getProcessOutputAndValue

from demo.packaged_programs import packaged_programs
from image_management.jobs.ssh.shell import Signal
from tests.image_management.jobs.ssh.opened import Said, ShellTestCase
from tests.image_management.jobs.ssh.roots import python_root

PLAYBOOK = """
- hosts: all
  gather_facts: true
  tasks:
    - raw: echo raw > /root/raw
    - command: cat /root/raw
      register: said
    - copy: {content: "{{ said.stdout }} on {{ ansible_facts.architecture }}", dest: /etc/motd}
    - copy: {src: large, dest: /root/large, mode: "0640", owner: "12"}
    - fetch: {src: /root/large, dest: fetched, flat: true}
    - lineinfile: {path: /etc/passwd, line: "user:x:1:1::/:/bin/sh"}
    - file: {path: /tmp/complete, state: touch}
"""


class AnsibleTestCase(ShellTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.programs = packaged_programs("ansible", "70 MB")
        super().setUp()
        # Its sockets' names may have no more than 108 bytes: unix(7).
        sockets = TemporaryDirectory(prefix="ansible-")
        self.addCleanup(sockets.cleanup)
        self.sockets = sockets.name

    async def ansible(self, program: str, *arguments: str, **settings: str) -> Said:
        (self.folder / "hosts").write_text("sandbox\n")
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets,
            "ANSIBLE_SSH_COMMON_ARGS": subprocess.list2cmdline(self.options()),
            **settings,
        }
        output, errors, status = await getProcessOutputAndValue(
            str(self.programs / program),
            ["-i", str(self.folder / "hosts"), *arguments],
            environment,
            str(self.folder),
        )
        return Said(status, output.decode(), errors.decode())


class WithoutPython(AnsibleTestCase):
    async def test_raw(self) -> None:
        await self.open()
        said = await self.ansible("ansible", "all", "-m", "raw", "-a", "echo $((6*7)); exit 3")
        self.assertIn("42", said.output)
        self.assertIn("rc=3", said.output)


class Playbooks(AnsibleTestCase):
    def make_root(self, root: Path) -> None:
        python_root(root)

    async def play(self, **settings: str) -> None:
        await self.open()
        large = self.folder / "large"
        large.write_bytes(os.urandom(3_000_000))
        (self.folder / "playbook.yml").write_text(PLAYBOOK)
        said = await self.ansible("ansible-playbook", "playbook.yml", **settings)
        self.assertEqual(said.status, 0, said)
        machine = os.uname().machine
        self.assertEqual((self.root / "etc/motd").read_text(), f"raw on {machine}")
        copy = self.root / "root/large"
        self.assertEqual((copy.read_bytes(), copy.stat().st_uid), (large.read_bytes(), 12))
        self.assertEqual((self.folder / "fetched").read_bytes(), large.read_bytes())
        self.assertIn("user:x:1:1::/:/bin/sh\n", (self.root / "etc/passwd").read_text())
        self.assertEqual(await self.soon(self.shell.signalled()), Signal.COMPLETE)

    async def test_files_by_sftp(self) -> None:
        await self.play(ANSIBLE_SSH_TRANSFER_METHOD="sftp")

    async def test_modules_by_standard_input(self) -> None:
        await self.play(ANSIBLE_PIPELINING="true")
