"""
The names in DATA_DIR that are this service's, and what becomes of files that nothing accounts for.

Blocking; used in threads only.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from assisted_images.catalog import Entry
from assisted_images.sources.parts import ORIGIN, PART, sync_directory
from assisted_images.values import Architecture

REFUSED = ".refused"
"""Follows the name of a file that was set aside."""

_TEMPORARY = ".tmp"
_TEMPORARY_SECONDS = 3600.0
"""A temporary file so old was left behind by a process that is gone."""

_ARCHITECTURES = "|".join(Architecture)
_OURS = re.compile(
    rf"(?:rhcos-(?:full|disconnected)-iso-.+-(?:{_ARCHITECTURES})\.iso"
    rf"|nmstatectl-.+-(?:{_ARCHITECTURES}))"
    rf"(?:{re.escape(PART)}|{re.escape(ORIGIN)}|{re.escape(REFUSED)})?"
)
_OUR_TEMPORARY = re.compile(rf"nmstatectl-.+-(?:{_ARCHITECTURES})\.\w+{re.escape(_TEMPORARY)}")


def remove_unaccounted(data_dir: Path, entries: Iterable[Entry]) -> list[str]:
    """
    Remove the files of images that are not configured any more.  Only files whose names this
    service gives: a stranger's file is never touched.

    @return: the names of what was removed.
    """
    accounted = {name for entry in entries for name in _names(entry)}
    removed = []
    for item in os.scandir(data_dir):
        if not item.is_file(follow_symlinks=False):
            continue
        if _OUR_TEMPORARY.fullmatch(item.name):
            unaccounted = time.time() - item.stat().st_mtime > _TEMPORARY_SECONDS
        else:
            unaccounted = bool(_OURS.fullmatch(item.name)) and item.name not in accounted
        if unaccounted:
            Path(item.path).unlink(missing_ok=True)
            removed.append(item.name)
    return sorted(removed)


def _names(entry: Entry) -> set[str]:
    iso = entry.file_name
    return {iso, iso + PART, iso + ORIGIN, iso + REFUSED, entry.nmstate_file_name}


def file_size(path: Path) -> int | None:
    """Bytes in a file; None when there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def set_aside(path: Path) -> Path:
    """Rename a file that must not be served, in place of an earlier one; its new name."""
    refused = path.with_name(path.name + REFUSED)
    path.replace(refused)
    return refused


def remove_set_aside(path: Path) -> bool:
    """Remove what was set aside of C{path}; whether there was such."""
    refused = path.with_name(path.name + REFUSED)
    there = refused.exists()
    refused.unlink(missing_ok=True)
    return there


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name all at once, durably."""
    descriptor, name = tempfile.mkstemp(_TEMPORARY, f"{path.name}.", path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
