"""
What is remembered of a file that has passed its checks, so that a start reads gigabytes again only
when it must.

The rule: beside the file lies its SHA-256, and its size, inode, modification and change times.  A
file that still has these is the one that passed; any other is hashed again, and has to have that
SHA-256.  A program cannot write into a file and keep its change time, nor set one.

The limit: bytes that change below the file system, on a failing disk or by writes to the block
device, change no times.  Who fears that removes the records before a start: then all is hashed.

Blocking; used in threads only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path
from threading import Event
from typing import BinaryIO

import msgspec

from assisted_images.downloads.durable import read_struct, write_struct

CHECKED = ".checked.json"
"""Follows the name of a file that has passed, for its record."""

_COARSEST_TICK_NS = 20_000_000
"""Two changes of a file within so many nanoseconds may have the same time: Linux's ticks are up to
10 ms long."""

_PIECE = 1024 * 1024


class Stopped(Exception):
    """The process is going down; a check was given up."""


class Stamp(msgspec.Struct, frozen=True):
    """What a file system says about a file, and says otherwise once it has been written to."""

    size: int
    inode: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of an open or named file."""
        return cls(status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)

    def is_renamed(self, other: Stamp) -> bool:
        """Whether C{other} is the same file, whose name at most has changed."""
        return (self.size, self.inode, self.modified_ns) == (
            other.size,
            other.inode,
            other.modified_ns,
        )


class Record(msgspec.Struct, frozen=True):
    """
    A file's content, and how it is known again.

    @ivar at_ns: when C{stamp} was taken, in nanoseconds since the epoch.
    """

    sha256: str
    stamp: Stamp
    at_ns: int

    def holds_for(self, stamp: Stamp) -> bool:
        """
        Whether a file with this stamp is the one that passed.  A stamp that was taken within the
        tick of the file's last change says nothing: another change may have followed in that tick.
        """
        return self.stamp == stamp and self.at_ns - stamp.changed_ns > _COARSEST_TICK_NS


_DECODER = msgspec.json.Decoder(Record)


def record_path(path: Path) -> Path:
    """Where the record of C{path} is."""
    return path.with_name(path.name + CHECKED)


def read_record(path: Path) -> Record | None:
    """The record of C{path}; None when there is none that can be read."""
    return read_struct(record_path(path), _DECODER)


def write_record(path: Path, sha256: str, stamp: Stamp) -> None:
    """
    Remember C{path}.  A record that cannot be written is done without: it saves time, no more.

    @param stamp: the file's when it passed.  Nothing is written if it is another file by now.
    """
    with contextlib.suppress(OSError):
        now = Stamp.of(path.stat())
        if now.is_renamed(stamp):
            write_struct(record_path(path), Record(sha256, now, time.time_ns()))


def forget(path: Path) -> None:
    """Remove the record of C{path}, before another file gets this name."""
    record_path(path).unlink(missing_ok=True)


def digest(file: BinaryIO, stop: Event | None = None, most: int = 1 << 62) -> str:
    """
    The SHA-256 of an open file, in hexadecimal.

    @param stop: given up soon after it is set.
    @param most: bytes that are looked at.
    @raise Stopped: it was.
    """
    file.seek(0)
    total = hashlib.sha256()
    while piece := file.read(min(_PIECE, most)):
        if stop is not None and stop.is_set():
            raise Stopped
        total.update(piece)
        most -= len(piece)
    return total.hexdigest()


def is_remembered(path: Path, record: Record) -> bool:
    """
    Whether C{path} is what its record says; hashed when that is not certain.

    @raise OSError: it cannot be read.
    """
    with path.open("rb") as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        if record.holds_for(stamp):
            return True
        if digest(file) != record.sha256:
            return False
    write_record(path, record.sha256, stamp)
    return True
