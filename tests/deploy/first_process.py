"""Containers whose first process is systemd."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.deploy.containers import LIMITS, podman

SYSTEMD = "python3,ca-certificates,systemd,systemd-sysv,dbus"
"""The packages of Debian that such a container has at least."""

_SECONDS = 60.0


class SystemdTestCase(SynchronousTestCase):
    """Blocking throughout."""

    def boot(self, image: str, *options: str) -> None:
        """
        Start a container, and wait until everything in it has started.

        @param options: further ones of podman.
        """
        self.name = self.id().lower()
        run = ("run", "--rm", "--detach", f"--name={self.name}", "--systemd=always")
        # systemd itself needs to mount, and to have cgroups; what it starts has less than nothing.
        podman(*run, "--privileged", "--network=host", *LIMITS, *options, image, "/sbin/init")
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
