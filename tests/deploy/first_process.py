"""Containers whose first process is systemd."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.deploy.containers import LIMITS, podman
from tests.docs.pages import read_page

SYSTEMD = "python3,ca-certificates,systemd,systemd-sysv,dbus"
"""The packages of Debian that such a container has at least."""

_SECONDS = 60.0
_HERE = "tested by make container-test"


def commands_of(page: str) -> list[str]:
    """Those of a page below C{docs/how-to} that are run in such containers, in its order."""
    place = ROOT / "docs/how-to" / page
    blocks = read_page(place, place.read_text("utf-8")).blocks
    return [block.text for block in blocks if block.is_command and block.comment == _HERE]


class SystemdTestCase(SynchronousTestCase):
    """Blocking throughout."""

    def boot(
        self,
        image: str,
        *options: str,
        network: str = "host",
        command: Sequence[str] = ("/sbin/init",),
    ) -> None:
        """
        Start a container, and wait until everything in it has started.

        @param options: further ones of podman.
        @param command: what becomes systemd.
        """
        self.name = self.id().lower()
        run = ("run", "--rm", "--detach", f"--name={self.name}", "--systemd=always")
        # systemd itself needs to mount, and to have cgroups; what it starts has less than nothing.
        podman(*run, "--privileged", f"--network={network}", *LIMITS, *options, image, *command)
        self.addCleanup(podman, "kill", "--signal=KILL", self.name, check=False)
        self.until(lambda: self.inside("systemctl", "is-system-running", check=False) == "running")

    def inside(self, *words: str, check: bool = True) -> str:
        """What a command in it prints."""
        return podman("exec", self.name, *words, check=check).stdout.strip()

    def put(self, source: Path | str, target: str) -> None:
        """Copy a file or a folder into it, or with C{/.} behind it what a folder has."""
        podman("cp", source, f"{self.name}:{target}")

    def until(self, holds: Callable[[], bool]) -> None:
        """
        Ask again and again.

        @raise AssertionError: it does not come to hold.
        """
        end = time.monotonic() + _SECONDS
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(self.inside("journalctl", "--no-pager", "--lines=40"))
            time.sleep(0.2)

    def state(self, unit: str, fact: str = "ActiveState") -> str:
        """What systemd says of a unit."""
        return self.inside("systemctl", "show", unit, f"--property={fact}", "--value")
