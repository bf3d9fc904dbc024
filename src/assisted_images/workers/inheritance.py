"""
What a secondary inherits of the primary: a process's environment, and open files by number, which
are the memory, slots and sockets that all of them share.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any, BinaryIO

from assisted_images.settings.table import SETTINGS
from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.slots import SharedSlots, new_slots
from httpd.listening.listeners import listening_socket

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


@dataclass(frozen=True, slots=True)
class Shared:
    """
    Memory, slots and sockets.

    @ivar limit: how many downloads there may be.
    @ivar nothing: their standard input.
    @ivar sockets: those that listen, as soon as there are such.
    """

    workers: int
    limit: int
    ledger: Ledger
    slots: SharedSlots
    nothing: BinaryIO
    sockets: list[socket.socket] = field(default_factory=list)

    @classmethod
    def create(cls, workers: int, limit: int, reactor: Any) -> Shared:
        """For the first of so many workers."""
        ledger = Ledger.create(workers)
        slots = SharedSlots(new_slots(limit), ledger, reactor)
        return cls(workers, limit, ledger, slots, Path(os.devnull).open("rb"))

    def bind(self, port: int) -> socket.socket:
        """
        Make the listening socket of a port, and keep it for those who inherit it.

        @raise OSError: the port is not to be had.
        """
        listening = listening_socket(port)
        self.sockets.append(listening.dup())
        return listening

    def descriptors(self) -> dict[int, int]:
        """What a secondary inherits: the numbers there, and here."""
        listening = enumerate(self.sockets, FIRST_LISTENER)
        return {
            0: self.nothing.fileno(),
            2: 2,
            SLOTS: self.slots.descriptor,
            LEDGER: self.ledger.descriptor,
            **{number: one.fileno() for number, one in listening},
        }

    def answers(self, worker: int) -> int:
        """How many answers are under way in a worker, or were when it ended."""
        return self.ledger.of(worker, Fact.ANSWERING)

    def release(self, worker: int) -> int:
        """
        Take back everything from a worker that is gone.

        @return: how many answers were under way in it.
        """
        answers = self.answers(worker)
        self.ledger.erase(worker)
        self.slots.settle(self.limit)
        return answers

    def close_sockets(self) -> None:
        """Inherit them to nobody any more."""
        for listening in self.sockets:
            listening.close()
        self.sockets.clear()
