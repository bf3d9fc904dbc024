"""What an earlier process of the service may have left running or mounted, when it was killed."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
"""Of umount2(2)."""

_LOOKS = 100
_PAUSE = 0.1
"""Seconds between two looks whether they are gone."""

_libc = ctypes.CDLL(None, use_errno=True)


async def end_leftovers(reactor: Any, folder: Path) -> None:
    """
    Kill what runs on behalf of the folder, and detach what is mounted below it.  Programs end with
    the service by themselves: here the last of them are waited for.
    """
    for _ in range(_LOOKS):
        left = list(_processes(folder))
        if not left:
            break
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has ended by itself
        await deferLater(reactor, _PAUSE)
    for mount in sorted(_mounts(folder), reverse=True):
        _libc.umount2(os.fsencode(mount), _MNT_DETACH | _UMOUNT_NOFOLLOW)


def _processes(folder: Path) -> Iterator[int]:
    """Those whose root, working directory or home is below a folder."""
    below = f"{folder}/"
    home = f"\0HOME={below}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            places = [(process / what).readlink() for what in ("root", "cwd")]
            environment = (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or it is a kernel's
        if home in b"\0" + environment or any(f"{place}/".startswith(below) for place in places):
            yield int(process.name)


def _mounts(folder: Path) -> Iterator[str]:
    """The mount points below a folder (proc_pid_mountinfo(5))."""
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            place = line.split(" ")[4].encode().decode("unicode_escape")
            if place.startswith(f"{folder}/"):
                yield place
