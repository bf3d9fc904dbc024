"""Remote build nodes: OpenSSH's servers, whose commands see a small root of their own."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.engines.sshd import Sshd, start_sshd
from tests.running import found_program


async def start_node(
    test: TestCase,
    authorized: Path,
    *,
    arch: str = "x86_64",
    podman: str | None = "usr/bin/podman",
    jobs: int = 0,
) -> Sshd:
    """
    A node, with a shell, find and what else is said.

    @param podman: where it has it, below its root.
    @param jobs: how many it works on.
    """
    root = Path(test.mktemp()).resolve()
    _make_root(root, podman, jobs)
    script = root.with_suffix(".sh")
    # The shell has uname built in, and prefers that to any program.
    uname = f"uname() {{ [ $* = -m ] && echo {arch}; }}"
    script.write_text(
        f"#!/bin/sh\nexec {_enter(root)} /bin/sh -c '{uname}\n'\"$SSH_ORIGINAL_COMMAND\"\n"
    )
    script.chmod(0o755)
    return await start_sshd(test, authorized, command=str(script))


def _make_root(root: Path, podman: str | None, jobs: int) -> None:
    (root / "bin").mkdir(parents=True)
    shutil.copy(found_program("busybox"), root / "bin/busybox")
    for name in ("sh", "find"):
        (root / "bin" / name).symlink_to("busybox")
    if podman is not None:
        (root / podman).parent.mkdir(parents=True, exist_ok=True)
        (root / podman).touch(0o755)
    for number in range(jobs):
        (root / f"tmp/ims_{number}").mkdir(parents=True)
    (root / "tmp/else").mkdir(parents=True)
    (root / "tmp/ims_file").touch()


def _enter(root: Path) -> str:
    if os.getuid() == 0:
        return shlex.join([found_program("chroot"), str(root)])
    return shlex.join([found_program("unshare"), "--map-root-user", f"--root={root}"])
