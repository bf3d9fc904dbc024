"""
What a root file system has added for as long as somebody is logged in to it.

Mount points that it lacks; C{/mnt/image/image-root}, by which those who know a root file system in
a container call what is C{/} here; and in place of C{/etc/resolv.conf} a symbolic link to the
host's, which the sandbox has in its C{/run}.  What was there before is beside it meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from image_management.jobs.in_root import opened_in_root
from image_management.jobs.ssh.sandbox import RESOLVER_DIRECTORY, mount_points

_TEMPORARY, _MNT, _IMAGE = "/tmp", "/mnt", "/mnt/image"  # noqa: S108  # the sandbox's
_RESOLVER, _ASIDE = "resolv.conf", ".resolv.conf.before-customization"
_RESOLVER_LINK = f"{RESOLVER_DIRECTORY}/{_RESOLVER}"
_LINK_TO_ROOT = "image-root"
_ABSENT = (FileNotFoundError, NotADirectoryError)


class BadRoot(Exception):
    """There is no sandbox to be made of a root file system; the text says why."""


def add(root: Path, notes: Path, *, dkms: bool) -> None:
    """
    Add what is not there.  Blocking; may be done again.

    @param notes: a file that keeps which directories were added: it is written before they are.
    @raise BadRoot: something else is where a directory has to be.
    @raise OSError: it cannot be added.
    """
    mounts = [f"/{name}" for name in mount_points(dkms=dkms)]
    for path in mounts:
        _check(root, path)
    missing = [path for path in (*mounts, _TEMPORARY, _MNT, _IMAGE) if not _is_there(root, path)]
    notes.write_text(json.dumps([*_noted(notes), *missing]))
    for path in missing:
        _make(root, path)
    with suppress(*_ABSENT), _directory(root, _IMAGE) as image:
        if not _is_link(image, _LINK_TO_ROOT, "/"):
            os.symlink("/", _LINK_TO_ROOT, dir_fd=image)
    with suppress(*_ABSENT), _directory(root, "/etc") as etc:
        if not _is_link(etc, _RESOLVER, _RESOLVER_LINK):
            with suppress(FileNotFoundError):
                os.rename(_RESOLVER, _ASIDE, src_dir_fd=etc, dst_dir_fd=etc)
            os.symlink(_RESOLVER_LINK, _RESOLVER, dir_fd=etc)


def take_out(root: Path, notes: Path) -> None:
    """
    Take out what L{add} has added, with all that is in C{/mnt/image} if that was; other directories
    stay if something is in them now.  Blocking; may be done again.

    @raise OSError: it cannot be taken out.
    """
    with suppress(*_ABSENT), _directory(root, "/etc") as etc:
        _put_back(etc)
    with suppress(*_ABSENT), _directory(root, _IMAGE) as image:
        if _is_link(image, _LINK_TO_ROOT, "/"):
            os.unlink(_LINK_TO_ROOT, dir_fd=image)
    for path in reversed(_noted(notes)):
        _remove(root, path)
    notes.unlink(missing_ok=True)


def _put_back(etc: int) -> None:
    """Put the image's own resolv.conf back, unless somebody has given it another one."""
    if _is_link(etc, _RESOLVER, _RESOLVER_LINK):
        os.unlink(_RESOLVER, dir_fd=etc)
        with suppress(FileNotFoundError):
            os.rename(_ASIDE, _RESOLVER, src_dir_fd=etc, dst_dir_fd=etc)
    else:
        with suppress(FileNotFoundError):
            os.unlink(_ASIDE, dir_fd=etc)


def _check(root: Path, path: str) -> None:
    """What is mounted upon has to be a directory, not a link to one: bwrap would follow it."""
    with suppress(FileNotFoundError):
        mode = (root / path[1:]).lstat().st_mode
        if not stat.S_ISDIR(mode):
            raise BadRoot(f"{path} of the image is no directory; expected one, or nothing")


def _make(root: Path, path: str) -> None:
    """Where a parent is a link to nowhere there is no such directory to be had."""
    parent, _, name = path.rpartition("/")
    with suppress(*_ABSENT), _directory(root, parent) as directory:
        os.mkdir(name, 0o755, dir_fd=directory)
        if path == _TEMPORARY:
            os.chmod(name, 0o1777, dir_fd=directory)  # noqa: S103  # as /tmp is


def _remove(root: Path, path: str) -> None:
    parent, _, name = path.rpartition("/")
    with suppress(*_ABSENT), _directory(root, parent) as directory:
        if path == _IMAGE:
            _remove_whole(directory, name)
        else:
            with suppress(OSError):
                os.rmdir(name, dir_fd=directory)


def _remove_whole(directory: int, name: str) -> None:
    if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)


@contextmanager
def _directory(root: Path, path: str) -> Iterator[int]:
    with opened_in_root(root, path or "/", os.O_PATH | os.O_DIRECTORY) as descriptor:
        yield descriptor


def _is_there(root: Path, path: str) -> bool:
    parent, _, name = path.rpartition("/")
    with suppress(*_ABSENT), _directory(root, parent) as directory:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
        return True
    return False


def _is_link(directory: int, name: str, target: str) -> bool:
    try:
        return os.readlink(name, dir_fd=directory) == target
    except OSError:
        return False


def _noted(notes: Path) -> list[str]:
    try:
        return [str(path) for path in json.loads(notes.read_bytes())]
    except FileNotFoundError:
        return []
