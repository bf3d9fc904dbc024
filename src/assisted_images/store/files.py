"""
The names in DATA_DIR that are this service's, and what becomes of files that nothing accounts for.

Blocking; used in threads only.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.durable import TEMPORARY
from assisted_images.downloads.parts import PART, PROVENANCE, Part, PartInUse
from assisted_images.on_demand.block_file import BLOCKS
from assisted_images.store.origins import RELEASE
from assisted_images.store.records import CHECKED
from assisted_images.values import Architecture
from httpd.texts import os_error_text

REFUSED = ".refused"
"""Follows the name of a file that was set aside."""

_TEMPORARY_SECONDS = 3600.0
"""A temporary file so old was left behind by a process that is gone."""

_ARCHITECTURES = "|".join(Architecture)
_SUFFIXES = "|".join(map(re.escape, (PART, PROVENANCE, REFUSED, CHECKED, RELEASE, BLOCKS)))
_NAME = (
    rf"(?:rhcos-(?:full|disconnected)-iso-.+-(?:{_ARCHITECTURES})\.iso"
    rf"|nmstatectl-.+-(?:{_ARCHITECTURES}))"
)
_OURS = re.compile(rf"{_NAME}(?:{_SUFFIXES})?")
_WRITTEN_WHOLE = "|".join(map(re.escape, (PROVENANCE, CHECKED, RELEASE)))
# What the Go service leaves in a volume: its minimal ISOs, the rootfs that it looks into (Go's
# os.CreateTemp with rootfs-*.img), and downloads that were cut (github.com/google/renameio).
_OF_GO = re.compile(
    rf"rhcos-minimal-iso-.+-(?:{_ARCHITECTURES})\.iso"
    r"|rootfs-[0-9]{6,10}\.img"
    rf"|\.{_NAME}[0-9]+"
)
_OUR_TEMPORARY = re.compile(rf"{_NAME}(?:{_WRITTEN_WHOLE})?\.\w+{re.escape(TEMPORARY)}")


@dataclass(frozen=True, slots=True)
class Removal:
    """
    A file that nothing accounts for.

    @ivar failure: why it is still there; None when it is gone.
    """

    name: str
    failure: str | None = None


def remove_unaccounted(data_dir: Path, entries: Iterable[Entry]) -> list[Removal]:
    """
    Remove the files of images that are not configured any more, and what the Go service has left
    that is of no use here.  Only files whose names these services give: a stranger's file is never
    touched.

    @return: what was removed, or should have been.
    @raise OSError: the directory cannot be read.
    """
    accounted = {name for entry in entries for name in _names(entry)}
    with os.scandir(data_dir) as items:
        unaccounted = sorted(item.name for item in items if _is_unaccounted(item, accounted))
    return [_remove(data_dir / name) for name in unaccounted]


def _is_unaccounted(item: os.DirEntry[str], accounted: set[str]) -> bool:
    if not item.is_file(follow_symlinks=False):
        return False
    if _OUR_TEMPORARY.fullmatch(item.name):
        try:
            return time.time() - item.stat().st_mtime > _TEMPORARY_SECONDS
        except FileNotFoundError:
            return False
    if _OF_GO.fullmatch(item.name):
        return True
    return bool(_OURS.fullmatch(item.name)) and item.name not in accounted


def _remove(path: Path) -> Removal:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        return Removal(path.name, os_error_text(error))
    return Removal(path.name)


def _names(entry: Entry) -> set[str]:
    iso, nmstate = entry.file_name, entry.nmstate_file_name
    return {
        *((iso + RELEASE,) if entry.release else ()),
        *(iso + suffix for suffix in ("", PART, PROVENANCE, REFUSED, CHECKED, BLOCKS)),
        *(nmstate + suffix for suffix in ("", CHECKED)),
    }


def file_size(path: Path) -> int | None:
    """Bytes in a file; None when there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def inode(path: Path) -> int | None:
    """What tells a file from another of the same name; None when there is no such file."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def set_aside(path: Path, refused_inode: int | None = None) -> Path | None:
    """
    Rename a file that must not be served, in place of an earlier one.

    @param refused_inode: the file that is meant, when it may have been replaced meanwhile.
    @return: its new name; None when another process has brought another file.
    """
    if refused_inode not in {None, inode(path)}:
        return None
    refused = path.with_name(path.name + REFUSED)
    path.replace(refused)
    return refused


def remove_set_aside(path: Path) -> bool:
    """Remove what was set aside of C{path}; whether that has made room."""
    try:
        path.with_name(path.name + REFUSED).unlink()
    except OSError:
        return False  # there is none, or the file system is read-only
    return True


def remove_part(target: Path) -> None:
    """
    Remove a part that nobody needs, because its target is there, and nobody is writing to; if that
    can be done.
    """
    if not target.with_name(target.name + PART).exists():
        return
    with suppress(PartInUse, OSError):
        part = Part.open(target)
        try:
            part.discard()
        finally:
            part.close()
