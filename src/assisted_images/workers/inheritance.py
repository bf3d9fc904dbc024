"""
What a secondary inherits of the primary: a process's environment, and open files by number, which
are the memory, slots and sockets that all of them share.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL
from typing import Any, BinaryIO

from assisted_images.settings.table import SETTINGS
from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.slots import SharedSlots, new_slots
from httpd.listening.passed_sockets import PassedSocket
from httpd.listening.places import Place
from httpd.streaming.tls_transport import TlsSide

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


def inherited_places(
    listeners: Iterable[tuple[int, bool]], tls: TlsSide | None
) -> tuple[Place, ...]:
    """
    Where a secondary listens.

    @param listeners: port of each, and whether there is TLS.
    """
    return tuple(
        Place(port, tls if is_secure else None, PassedSocket("", descriptor).bind)
        for descriptor, (port, is_secure) in enumerate(listeners, FIRST_LISTENER)
    )


def _keeping(place: Place, sockets: list[socket.socket]) -> Place:
    """The same place, whose socket is kept for those who inherit it."""

    def bind(port: int) -> socket.socket:
        listening = place.bind(port)
        sockets.append(listening.dup())
        return listening

    return replace(place, bind=bind)


@dataclass(frozen=True, slots=True)
class Shared:
    """
    Memory, slots and sockets.

    @ivar nothing: their standard input.
    @ivar places: where all of them listen.
    @ivar sockets: those that listen, as soon as there are such.
    """

    workers: int
    ledger: Ledger
    slots: SharedSlots
    nothing: BinaryIO
    places: tuple[Place, ...]
    sockets: list[socket.socket]

    @classmethod
    def create(cls, workers: int, limit: int, reactor: Any, places: Iterable[Place]) -> Shared:
        """
        For the first of so many workers.

        @param limit: how many downloads there may be.
        """
        ledger = Ledger.create(workers)
        slots = SharedSlots(new_slots(limit), limit, ledger, reactor)
        sockets: list[socket.socket] = []
        kept = tuple(_keeping(place, sockets) for place in places)
        nothing = Path(os.devnull).open("rb")  # noqa: SIM115  inherited for as long as there is one
        return cls(workers, ledger, slots, nothing, kept, sockets)

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
        self.slots.settle()
        return answers

    def close_sockets(self) -> None:
        """Inherit them to nobody any more."""
        for listening in self.sockets:
            listening.close()
        self.sockets.clear()
