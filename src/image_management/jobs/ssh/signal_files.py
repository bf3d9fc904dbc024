"""
The files by which whoever is logged in says that the image is done, or is not wanted.

They count by being there, whatever they are: a symbolic link is not followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from enum import Enum
from pathlib import Path

from image_management.jobs.in_root import opened_in_root

_DIRECTORIES = ("/tmp", "/mnt/image")  # noqa: S108  # of the sandbox


class Signal(Enum):
    """What is said of the image, by a file that bears its name."""

    FAILED = "failed"
    """Counts more than the other."""
    COMPLETE = "complete"


def signal_in(root: Path) -> Signal | None:
    """What is said in a root file system; blocking, for the time that a few names take."""
    names = {
        signal.value
        for signal in Signal
        for directory in _DIRECTORIES
        if _is_there(root, directory, signal.value)
    }
    return next((signal for signal in Signal if signal.value in names), None)


def put_signal(root: Path, signal: Signal) -> None:
    """
    Say it, in the name of whoever is logged in; blocking.

    @raise OSError: it cannot be said.
    """
    with opened_in_root(root, _DIRECTORIES[0], os.O_PATH | os.O_DIRECTORY) as parent:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        os.close(os.open(signal.value, flags, 0o644, dir_fd=parent))


def remove_signals(root: Path) -> None:
    """
    Have no signal files any more; blocking.

    @raise OSError: one cannot be removed.
    """
    for directory in _DIRECTORIES:
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            opened_in_root(root, directory, os.O_PATH | os.O_DIRECTORY) as parent,
        ):
            for signal in Signal:
                _remove(parent, signal.value)


def _is_there(root: Path, directory: str, name: str) -> bool:
    try:
        with opened_in_root(root, directory, os.O_PATH | os.O_DIRECTORY) as parent:
            os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return False
    return True


def _remove(parent: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
