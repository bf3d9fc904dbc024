"""What a secondary inherits of the primary: a process's environment, and open files by number."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from signal import SIGKILL

from assisted_images.settings.table import SETTINGS

LOG = 1
"""Standard output: a pipe to the primary, who writes the log."""

FROM_PRIMARY = 3
TO_PRIMARY = 4
SLOTS = 5
LEDGER = 6
FIRST_LISTENER = 7
"""The listening sockets follow one another, in the order in which listeners are made."""

_PR_SET_PDEATHSIG = 1

COMMAND = (sys.executable, "-P", "-m", "assisted_images.workers")


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """
    A secondary's environment: this process's, and where it finds its modules.

    The settings are left out, some of which are secret: they come by the pipe.
    """
    names = {name for setting in SETTINGS for name in setting.names}
    kept = {name: value for name, value in own.items() if name not in names}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def end_with_parent() -> None:
    """
    Have the kernel end this process when the one that started it is gone, even if this one hangs:
    it would keep the ports from whoever comes next (C{PR_SET_PDEATHSIG}, prctl(2)).
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, SIGKILL.value)


def inherited_sockets(count: int) -> Iterator[socket.socket]:
    """The listening sockets of a secondary."""
    for descriptor in range(FIRST_LISTENER, FIRST_LISTENER + count):
        yield socket.socket(fileno=descriptor)
