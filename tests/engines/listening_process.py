"""A server in a process of its own, which says when it listens."""

from __future__ import annotations

from contextlib import suppress
from signal import Signals

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure


class ListeningProcess(ProcessProtocol):
    """
    It.

    @ivar listens: fires with whether it does, once it does or has ended.
    """

    transport: IProcessTransport

    def __init__(self, sign: bytes) -> None:
        """
        @param sign: what it says once it listens.
        """
        self._sign = sign
        self.said = b""
        self.listens: Deferred[bool] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.said += data
        if self._sign in self.said and not self.listens.called:
            self.listens.callback(True)

    def processEnded(self, reason: Failure) -> None:
        if not self.listens.called:
            self.listens.callback(False)
        self.ended.callback(None)

    def signal(self, name: str) -> None:
        """Send it a signal, such as C{TERM}; one that has ended needs none."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(Signals[f"SIG{name}"])
