"""A response body on its way to the disk: at the disk's pace, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from httpd.concurrency.threads import RunInThread
from httpd.outbound.bodies import abort, ended_well
from httpd.outbound.failures import BrokenOff
from httpd.outbound.stall import StallTimer

_MOST_PENDING = 1024 * 1024
"""Bytes that may wait for the disk before the connection is paused."""


class Growing(Interface):
    """What a body is appended to: a part file, or what reads it on its way to one."""

    @property
    def size(self) -> int:
        """Bytes that were appended."""

    def append(self, pieces: Sequence[bytes]) -> None:
        """
        Take the next bytes.  Blocking; used in threads only, by one at a time.

        @raise DownloadError: they are not what is wanted.
        @raise OSError: the disk is full or broken.
        """


class ArrivingBody(Protocol):
    """
    Appends what arrives to C{target}, in threads, one write at a time.

    @ivar done: fires when everything that came is written and the body was complete as far as HTTP
        can tell; fails with L{BrokenOff}, or with what C{target} raises.  Cancelling it closes
        the connection; a write may then still be under way, which closing a part file waits for.
    """

    def __init__(
        self,
        target: Growing,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        stall_seconds: float,
        written: Callable[[], None],
    ) -> None:
        """
        @param stall_seconds: how long nothing may arrive.
        @param written: called after each write.
        """
        self.done: Deferred[None] = Deferred(lambda _: self._stop())
        self._target = target
        self._run_in_thread = run_in_thread
        self._written = written
        self._stall_seconds = stall_seconds
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._received = 0
        self._writing = False
        self._paused = False
        self._stopped = False
        self._end: Failure | None = None
        self._timer = StallTimer(clock, stall_seconds, lambda: self._received, self._stalled)

    def connectionMade(self) -> None:
        """The body is about to arrive."""
        self._timer.start()

    def dataReceived(self, data: bytes) -> None:
        """Some of it arrived."""
        if self._stopped:
            return
        self._received += len(data)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= _MOST_PENDING and not self._paused:
            self._paused = True
            self._connection.pauseProducing()
        self._write()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No more will arrive."""
        self._end = reason
        self._timer.stop()
        self._write()

    @property
    def _connection(self) -> IPushProducer:
        connection: IPushProducer = self.transport  # type: ignore[assignment]
        return connection

    def _write(self) -> None:
        if self._writing or self._stopped:
            return
        if not self._pending:
            if self._end is not None:
                self._finish(self._end)
            return
        pieces, self._pending, self._pending_bytes = self._pending, [], 0
        self._writing = True
        self._run_in_thread(self._target.append, pieces).addCallbacks(self._wrote, self._fail)

    def _wrote(self, result: None) -> None:
        self._writing = False
        if self._stopped:
            return
        self._written()
        if self._paused and self._end is None:
            self._paused = False
            self._connection.resumeProducing()
        self._write()

    def _finish(self, reason: Failure) -> None:
        if ended_well(reason):
            self._stop()
            self.done.callback(None)
        else:
            text = f"the connection broke after {self._target.size} bytes"
            self._fail(Failure(BrokenOff(text)))

    def _stalled(self) -> None:
        if self._writing:
            # It is the disk that is slow; the server may be waiting for us.
            self._timer.start()
            return
        self._fail(Failure(BrokenOff(f"nothing has arrived for {self._stall_seconds:g} s")))

    def _fail(self, reason: Failure) -> None:
        if not self._stopped:
            self._stop()
            self.done.errback(reason)

    def _stop(self) -> None:
        self._stopped = True
        self._pending.clear()
        self._timer.stop()
        if self._end is None:
            abort(self.transport)
