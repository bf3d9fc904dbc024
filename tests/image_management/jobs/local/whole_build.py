"""
C{make jobs-test}: what C{make run-ims} prints of jobs, pasted into a shell, all of it for real.  A
recipe becomes an image by kiwi-ng; that is customised by ssh, sftp and Ansible; what comes of it
boots in a virtual machine, and shows so.  The seconds of each step and stage are printed.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from datetime import datetime
from itertools import pairwise
from tempfile import TemporaryDirectory

from twisted.internet.utils import getProcessOutputAndValue

from demo.packaged_programs import packaged_programs
from tests.boot.machine import VirtualMachine
from tests.demo.terminal import reactor
from tests.image_management.jobs.local.pasting import PastingTestCase

_PLAYBOOK = """
- hosts: all
  tasks:
    - copy:
        content: "Customised by Ansible on {{ ansible_facts.distribution }}\\n"
        dest: /etc/issue.d/ansible.issue
"""

_BOOT_SECONDS = 900
"""A machine without KVM, beside whatever else is done meanwhile."""


class WholePathTests(PastingTestCase):
    timeout = 7200

    async def test_from_a_recipe_to_a_booted_machine(self) -> None:
        self.ansible = packaged_programs("ansible", "70 MB")
        build, customise, finish, boot = await self.steps()
        await self.timed(build)
        await self.succeeded()
        await self.timed(customise)
        await self.by_sftp()
        await self.by_ansible()
        await self.timed(finish)
        await self.succeeded()
        heading, (image, machine) = boot
        await self.timed((heading, [image]))
        began = time.monotonic()
        console = await self.booted(machine)
        _print_seconds("the login is on the console", time.monotonic() - began)
        for said in ("by ssh", "by sftp", "by Ansible on Debian"):
            self.assertIn(f"Customised {said}", console)
        await self.nothing_left()

    async def timed(self, step: tuple[str, list[str]]) -> None:
        heading, commands = step
        began = time.monotonic()
        for command in commands:
            await self.shell.paste(command)
        _print_seconds(heading, time.monotonic() - began)

    async def succeeded(self) -> None:
        """See that the job has, and say how long its stages took."""
        log = await self.succeeded_log()
        stages = re.findall(r"^== (\w+) (\S+)\r?$", log, re.MULTILINE)
        for (stage, began), (_, ended) in pairwise(stages):
            took = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
            _print_seconds(f"  {stage}", took.total_seconds())

    async def by_sftp(self) -> None:
        (self.folder / "sftp.issue").write_text("Customised by sftp\n")
        put = "put sftp.issue /etc/issue.d/sftp.issue"
        began = time.monotonic()
        await self.shell.paste(f"echo {put} | sftp -b - -F {self.ssh_config} -P $port image")
        _print_seconds("sftp", time.monotonic() - began)

    async def by_ansible(self) -> None:
        """A module that Python runs, and facts."""
        (self.folder / "playbook.yml").write_text(_PLAYBOOK)
        # Its sockets' names may have no more than 108 bytes: unix(7).
        sockets = TemporaryDirectory(prefix="ansible-")
        self.addCleanup(sockets.cleanup)
        environment = {
            "PATH": f"{self.ansible}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets.name,
            "ANSIBLE_SSH_ARGS": shlex.join(["-F", str(self.ssh_config)]),
        }
        port = await self.shell.variable("port")
        began = time.monotonic()
        output, errors, status = await getProcessOutputAndValue(
            str(self.ansible / "ansible-playbook"),
            ["-i", "image,", "-e", f"ansible_port={port}", "playbook.yml"],
            environment,
            str(self.folder),
        )
        self.assertEqual(status, 0, (output + errors).decode())
        _print_seconds("Ansible", time.monotonic() - began)

    async def booted(self, machine: str) -> str:
        """What the machine shows until somebody could log in."""
        image = await self.shell.variable("image")
        _, *arguments = shlex.split(machine.replace("$image", image))
        return await VirtualMachine(reactor).run(arguments, _BOOT_SECONDS, "login:")


def _print_seconds(what: str, seconds: float) -> None:
    print(f"\n  {what}: {seconds:.1f} s", end="", flush=True)
