"""Answers of Kubernetes that go on: the log of a container, and what a watch sees."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from httpd.outbound.bodies import abort, ended_well
from httpd.outbound.failures import reason_of
from image_management.jobs.kubernetes.errors import ApiError
from image_management.jobs.kubernetes.resources import Object

_MOST_AHEAD = 256 * 1024
"""Bytes that wait for who reads; then the API server has to wait."""

_MOST_LINE = 16 * 1024 * 1024
"""Bytes of one event: an object has a few at the most."""


class Stream(Protocol):
    """The body of an answer, read by one at its own pace."""

    def __init__(self, what: str, clock: IReactorTime, lasts: float | None = None) -> None:
        """
        @param what: it is, for errors.
        @param lasts: seconds after which it is given up: the server should have ended it before.
            C{None}: it may go on for ever.
        """
        self._what = what
        self._ahead: deque[bytes] = deque()
        self._ahead_bytes = 0
        self._paused = False
        self._closed = False
        self._ended = False
        self._trouble: ApiError | None = None
        self._waiting: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        if lasts is not None:
            self._timer = clock.callLater(lasts, self._expire)

    async def read(self) -> bytes:
        """
        Some bytes, once there are some; nothing: that was all.  May be cancelled, which loses
        nothing.

        @raise ApiError: the connection broke.
        """
        while not self._ahead and not self._ended:
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self._ahead:
            piece = self._ahead.popleft()
            self._ahead_bytes -= len(piece)
            if self._paused and not self._ended and self._ahead_bytes < _MOST_AHEAD // 2:
                self._paused = False
                self._connection.resumeProducing()
            return piece
        if self._trouble is not None:
            raise self._trouble
        return b""

    def close(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        self._ahead.clear()
        if not self._ended:
            self._end(None)
            if self.transport is not None:
                abort(self.transport)

    def connectionMade(self) -> None:
        """The body is about to arrive."""
        if self._ended:
            abort(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Some of it arrived."""
        if self._ended:
            return
        self._ahead.append(data)
        self._ahead_bytes += len(data)
        if self._ahead_bytes >= _MOST_AHEAD and not self._paused:
            self._paused = True
            self._connection.pauseProducing()
        self._tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No more will arrive."""
        if ended_well(reason):
            self._end(None)
        else:
            assert reason.value is not None
            self._end(ApiError(self._what, reason_of(reason.value)))

    def _expire(self) -> None:
        self._end(ApiError(self._what, "the server has not ended it in time"))
        if self.transport is not None:
            abort(self.transport)

    def _end(self, trouble: ApiError | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._trouble = trouble
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    @property
    def _connection(self) -> IPushProducer:
        connection: IPushProducer = self.transport  # type: ignore[assignment]
        return connection


@dataclass(frozen=True, slots=True)
class Event:
    """What has become of an object."""

    type: str
    """C{ADDED}, C{MODIFIED}, C{DELETED}; or C{BOOKMARK}, which says how far the watch has come."""
    object: Object

    @property
    def version(self) -> str:
        """The C{resourceVersion} to go on watching from."""
        version: str = self.object["metadata"]["resourceVersion"]
        return version


_EVENTS = msgspec.json.Decoder(dict[str, Any])


class Watch:
    """What becomes of objects, one event after the other."""

    def __init__(self, stream: Stream, what: str) -> None:
        self._stream = stream
        self._what = what
        self._pieces: list[bytes] = []
        self._size = 0
        self._lines: deque[bytes] = deque()

    async def next(self) -> Event | None:
        """
        The next event, once there is one; C{None}: the server has ended the watch.

        @raise ApiError: the watch is over otherwise; with the status 410 what it was to begin with
            is too long ago, and one has to list again.
        """
        while not self._lines:
            data = await self._stream.read()
            if not data:
                return None
            self._take(data)
        try:
            found = _EVENTS.decode(self._lines.popleft())
            event = Event(found["type"], found["object"])
        except (msgspec.DecodeError, KeyError):
            raise ApiError(self._what, "what it sends is no event") from None
        if event.type == "ERROR":
            status = event.object.get("code")
            code = status if isinstance(status, int) else 500
            raise ApiError.of_status(self._what, code, dict(event.object))
        return event

    def close(self) -> None:
        """Watch no more."""
        self._stream.close()

    def _take(self, data: bytes) -> None:
        """Take what has come: each event is a line of JSON (Kubernetes API Concepts, "Watches")."""
        *whole, rest = data.split(b"\n")
        if whole:
            self._lines.append(b"".join((*self._pieces, whole[0])))
            self._lines.extend(whole[1:])
            self._pieces, self._size = [], 0
        self._pieces.append(rest)
        self._size += len(rest)
        if self._size > _MOST_LINE:
            raise ApiError(self._what, f"an event has more than {_MOST_LINE} bytes")
