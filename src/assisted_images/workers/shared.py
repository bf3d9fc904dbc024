"""What the primary has that the secondaries inherit."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from assisted_images.workers import inheritance
from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.slots import SharedSlots, new_slots
from httpd.listening.listeners import listening_socket


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
        listening = enumerate(self.sockets, inheritance.FIRST_LISTENER)
        return {
            0: self.nothing.fileno(),
            2: 2,
            inheritance.SLOTS: self.slots.descriptor,
            inheritance.LEDGER: self.ledger.descriptor,
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
