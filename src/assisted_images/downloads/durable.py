"""
Small files that appear under their names all at once, and what they remember.  Blocking; used in
threads only.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import TypeVar

import msgspec

_S = TypeVar("_S", bound=msgspec.Struct)

TEMPORARY = ".tmp"
"""Ends the name of a file that is being written."""


def write_whole(path: Path, content: bytes) -> None:
    """
    Write a file that appears under its name all at once, durably.

    @raise OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(TEMPORARY, f"{path.name}.", path.parent)
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


def remove_whole(path: Path) -> None:
    """
    Remove what L{write_whole} has written, and what a process that was killed while it wrote has
    left.  Only where nobody else may be writing it.

    @raise OSError: it cannot be removed.
    """
    left = path.parent.glob(f"{escape(path.name)}.*{TEMPORARY}")
    for each in (path, *left):
        each.unlink(missing_ok=True)


def write_struct(path: Path, struct: msgspec.Struct) -> None:
    """
    L{write_whole} what C{struct} is in JSON.

    @raise OSError: it cannot be written.
    """
    write_whole(path, msgspec.json.encode(struct))


def read_struct(path: Path, decoder: msgspec.json.Decoder[_S]) -> _S | None:
    """What L{write_struct} has written; C{None} when there is nothing that can be read."""
    try:
        return decoder.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None


def sync_directory(directory: Path) -> None:
    """Make renames in C{directory} durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_still(path: Path, descriptor: int) -> bool:
    """Whether C{path} names the file that is open."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
