"""One secondary, as the primary sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport, IReactorProcess, ITransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from assisted_images.workers.inheritance import COMMAND, FROM_PRIMARY, LOG, TO_PRIMARY
from assisted_images.workers.messages import TO_PRIMARY_DECODER, Inquiry, Message, Reply
from assisted_images.workers.pipes import PipeEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Who is told what of a secondary."""

    told: Callable[[SecondaryProcess, Message], None]
    answer: Callable[[Inquiry], Awaitable[Reply]]
    wrote: Callable[[bytes], None]
    """Gets whole lines of its log."""
    ended: Callable[[SecondaryProcess, str], None]
    """Gets how it ended; empty: well."""


class SecondaryProcess(ProcessProtocol):
    """
    A secondary, from its start to its end.

    @ivar number: which of the workers it is.
    @ivar pipe: to talk to it.
    @ivar born: when it was started, in seconds.
    @ivar loaded: how many images it can serve; C{None}: it does not listen yet.
    """

    def __init__(self, number: int, born: float, events: Events) -> None:
        self.number = number
        self.born = born
        self.loaded: int | None = None
        self._events = events
        self._line = b""
        self.pipe: PipeEnd[Any] = PipeEnd(
            TO_PRIMARY_DECODER,
            lambda message: events.told(self, message),
            events.answer,
            self._part,
        )

    def start(
        self,
        reactor: IReactorProcess,
        environment: Mapping[str, str],
        descriptors: Mapping[int, int],
    ) -> None:
        """
        Start the process.

        @param descriptors: what it inherits besides the pipes to this process.
        """
        pipes: dict[int, int | str] = {LOG: "r", FROM_PRIMARY: "w", TO_PRIMARY: "r"}
        reactor.spawnProcess(
            self,
            COMMAND[0],
            list(COMMAND),
            env=dict(environment),
            path=None,
            childFDs=pipes | dict(descriptors),
        )

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return cast(Any, self.transport).pid if self.transport else None

    def kill(self) -> None:
        """End it at once."""
        try:
            cast(IProcessTransport, self.transport).signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def _part(self) -> None:
        """Talk to it no more: at that it ends, if it has not."""
        cast(Any, self.transport).closeChildFD(FROM_PRIMARY)

    def connectionMade(self) -> None:
        """Begin to talk."""
        self.pipe.makeConnection(cast(ITransport, _ToChild(cast(Any, self.transport))))

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take what it says, and what it logs."""
        if childFD == TO_PRIMARY:
            self.pipe.dataReceived(data)
        else:
            lines, end, rest = (self._line + data).rpartition(b"\n")
            self._line = rest
            if end:
                self._events.wrote(lines + end)

    def childConnectionLost(self, childFD: int) -> None:  # noqa: N802
        """Without either of these pipes it cannot go on."""
        if childFD in {FROM_PRIMARY, TO_PRIMARY} and self.pipe.transport is not None:
            self.pipe.connectionLost()

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        if self._line:
            self._events.wrote(self._line + b"\n")
        error = cast(Any, reason.value)
        if error.signal is not None:
            self._events.ended(self, f"signal {error.signal}")
        else:
            self._events.ended(self, f"status {error.exitCode}" if error.exitCode else "")


class _ToChild:
    """What a L{PipeEnd} writes to: the pipe to a secondary, which Twisted has in its process."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def write(self, data: bytes) -> None:
        """Send."""
        self._process.writeToChild(FROM_PRIMARY, data)
