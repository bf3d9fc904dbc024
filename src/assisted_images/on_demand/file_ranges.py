"""
Locks on ranges of a file, and holes in their place: as far as Python has not what Linux has.

The locks belong to an opening of the file (C{F_OFD_SETLK}, fcntl(2)): they end when it is closed,
and with its process.  Blocking.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from enum import IntEnum

_FLOCK = struct.Struct("hhqqi4x")
"""C{struct flock} of 64-bit Linux: type, whence, start, length, pid."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""C{fallocate(2)} and its modes."""


class Lock(IntEnum):
    """A kind of lock."""

    SHARED = fcntl.F_RDLCK
    EXCLUSIVE = fcntl.F_WRLCK


def try_lock(descriptor: int, kind: Lock, start: int, length: int) -> bool:
    """
    Take a lock on a range of bytes, in place of what this opening has there.

    @return: whether there is one; nobody is waited for.
    @raise OSError: the file system has no locks.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(kind, start, length))
    except (BlockingIOError, PermissionError):
        return False
    return True


def lock(descriptor: int, kind: Lock, start: int, length: int) -> None:
    """
    As L{try_lock}, but wait for it.

    @raise OSError: the file system has no locks.
    """
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _flock(kind, start, length))


def unlock(descriptor: int, start: int, length: int) -> None:
    """Give up this opening's locks on a range."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, start, length))


def punch_hole(descriptor: int, start: int, length: int) -> None:
    """
    Give the disk back what a range takes: it has zeros then.

    @raise OSError: the file system knows of no holes.
    """
    if _LIBC.fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, start, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _flock(kind: int, start: int, length: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)
