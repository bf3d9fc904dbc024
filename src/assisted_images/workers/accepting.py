"""
Accepting connections from a socket that others accept from, too.

The kernel wakes all who listen, and gives a connection to who is first, however many that one has;
and long downloads stay where they are.  So a worker that has more connections than another leaves
a new one to the others for a moment, and takes it only if nobody has.  The one that has fewest
never waits: a worker that hangs costs the others time, and no connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.internet.tcp import Port
from twisted.python.failure import Failure

from assisted_images.workers.ledger import Fact, Ledger

STEP_BACK_SECONDS = 0.005
"""Enough for one that idles to be woken; from outside it looks like a longer way."""


class FairSockets:
    """Adopts listening sockets as the reactor does, for ports that take turns."""

    def __init__(self, reactor: Any, ledger: Ledger) -> None:
        self._reactor = reactor
        self._ledger = ledger

    def adoptStreamPort(  # noqa: N802
        self, descriptor: int, family: int, factory: ServerFactory[Any]
    ) -> IListeningPort:
        """Listen."""
        port: FairPort = FairPort._fromListeningDescriptor(
            self._reactor, descriptor, family, factory
        )
        port.ledger = self._ledger
        port.startListening()
        self._ledger.note(Fact.SERVING, 1)
        return port


class FairPort(Port):
    """A listening port, one of several processes' on one socket."""

    ledger: Ledger
    reactor: Any

    def doRead(self) -> None:  # noqa: N802
        """There are connections to be accepted."""
        if self._has_more_than_another():
            self.stopReading()
            self.reactor.callLater(STEP_BACK_SECONDS, self._take_what_is_left)
        else:
            self._accept_one()

    def _take_what_is_left(self) -> None:
        if self.connected and not self.disconnecting:
            self.startReading()
            self._accept_one()

    def _accept_one(self) -> None:
        self.numberAccepts = 1
        super().doRead()

    def connectionLost(self, reason: Failure) -> None:
        """The port is closed: nobody is to leave connections to this worker any more."""
        self.ledger.note(Fact.SERVING, 0)
        super().connectionLost(reason)

    def _has_more_than_another(self) -> bool:
        ledger = self.ledger
        mine = ledger.of(ledger.number, Fact.CONNECTIONS)
        serving = ledger.all(Fact.SERVING)
        counts = ledger.all(Fact.CONNECTIONS)
        return any(one and mine > count for one, count in zip(serving, counts, strict=True))
