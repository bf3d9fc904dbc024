"""
Files of a root file system that is not this host's: every path is resolved inside of it.

A symbolic link to C{/etc/shadow} in there is a link to its C{/etc/shadow}, and C{..} goes no higher
than its top, whatever is renamed meanwhile: openat2(2), C{RESOLVE_IN_ROOT}, Linux 5.6 and newer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENAT2 = 437
"""The same on every architecture that has it."""
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_LIBC = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    """C{struct open_how}: linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@contextmanager
def opened_in_root(root: Path, path: str, flags: int) -> Iterator[int]:
    """
    A descriptor of something in a root file system.

    @param path: as it is called in there.
    @param flags: of open(2), such as C{os.O_PATH}; C{O_CLOEXEC} goes without saying.
    @raise OSError: it cannot be opened.
    """
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = _open(top, path, flags)
    finally:
        os.close(top)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_in_root(root: Path, path: str, most: int) -> bytes:
    """
    What a file of a root file system begins with.  Blocking.

    @param most: bytes.
    @raise OSError: it cannot be read, or is no file.
    """
    with opened_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path} is no regular file")
        return os.read(file, most)


def _open(top: int, path: str, flags: int) -> int:
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    descriptor: int = _LIBC.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(top),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        # A link that leads to itself leads nowhere.
        number = errno.ENOENT if number == errno.ELOOP else number
        raise OSError(number, os.strerror(number), path)
    return descriptor
