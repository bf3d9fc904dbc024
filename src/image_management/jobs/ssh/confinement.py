"""
A sandbox for a program of this host, which the root file system that it works in cannot run.

It does from within a process what bwrap(1) does for the programs of the root file system
(L{image_management.jobs.ssh.sandbox}): namespaces(7), pivot_root(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from contextlib import suppress

_LIBC = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID = 0, 1, 3, 4
"""Their numbers: linux/capability.h."""

_COVERED = (b"dev", b"proc", b"run", b"sys")
"""
What is not the image's in a session either.  What is mounted upon cannot be replaced by a link,
which bwrap would follow when it mounts something there for the next session.
"""


def confine() -> None:
    """
    Have nothing any more but what is below the working directory, which is C{/} from now on, and no
    more rights than its files take; end with the parent process.

    Nothing can be imported afterwards: what is found in there is somebody else's.

    @raise OSError: it cannot be done.
    """
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWUTS)
    root = os.fsencode(os.getcwd())
    _mount(None, b"/", None, _MS_REC | _MS_PRIVATE)
    _mount(root, root, None, _MS_BIND)
    _mount(None, root, None, _MS_REMOUNT | _MS_BIND | _MS_NOSUID | _MS_NODEV)
    os.chdir(root)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    for name in _COVERED:
        with suppress(FileNotFoundError):
            _mount(b"tmpfs", name, b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=755")
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _keep_capabilities(1 << _CHOWN | 1 << _DAC_OVERRIDE | 1 << _FOWNER | 1 << _FSETID)
    sys.path.clear()
    sys.meta_path.clear()


def _mount(
    source: bytes | None, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None
) -> None:
    _call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def _keep_capabilities(kept: int) -> None:
    """C{struct __user_cap_data_struct}: effective, permitted, inheritable, of each half of 64."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _call("capset", header, struct.pack("6I", kept, kept, 0, 0, 0, 0))


def _call(function: str, *arguments: object) -> None:
    if getattr(_LIBC, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
