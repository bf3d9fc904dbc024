"""Objects as sources of segments: read by one GET, at the pace of who asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from httpd.outbound.bodies import abort, content_range, discard, ended_well
from httpd.outbound.failures import reason_of
from httpd.outbound.stall import StallTimer
from image_management.s3.client import VERBS
from image_management.s3.errors import S3Unavailable
from image_management.s3.facts import ObjectFacts

_MOST_AHEAD = 512 * 1024
"""Bytes that wait for who asks; then S3 has to wait."""

_LEAST_AHEAD = 128 * 1024
"""Bytes that wait while S3 does, until it is to go on."""

_VERB = VERBS["GetObject"]

OpenRange = Callable[[int, int], Coroutine[Deferred[Any], Any, IResponse]]
"""Asks S3 for C{length} bytes from an offset on."""


class ObjectSource:
    """
    An object as a L{Source<httpd.representation.segments.Source>} for one reader.

    Who reads says how much is wanted from there on: that is what S3 is asked for, once.  Reading on
    where the last bytes ended goes on with the same answer; anywhere else is another GET, and the
    one before is given up.
    """

    def __init__(
        self, open_range: OpenRange, facts: ObjectFacts, clock: IReactorTime, stall_seconds: float
    ) -> None:
        """
        @param stall_seconds: for how long S3 may send nothing.
        """
        self.identity: str = f"s3 {facts.etag} {facts.size}"
        """Names the content, on every replica alike."""
        self._open_range = open_range
        self._size = facts.size
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._stream: _Stream | None = None

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        """
        See L{Source.read<httpd.representation.segments.Source.read>}: at least one byte from
        C{offset} on.

        @param length: what is wanted from there on, this time and later.
        @raise S3Error: the object cannot be had; out of the Deferred, as the next.
        @raise EOFError: it has no more bytes.
        """
        if self._stream is None or offset != self._stream.position:
            if offset + length > self._size:
                raise EOFError(f"there is no byte {offset + length} in {self._size}")
            self.release()
            self._stream = _Stream(offset, length, self._clock, self._stall_seconds)
            self._stream.begin(self._open_range(offset, length))
        return self._stream.next()

    def release(self) -> None:
        """See L{Source.release<httpd.representation.segments.Source.release>}."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class _Stream(Protocol):
    """
    One answer with some bytes of an object, on its way.

    @ivar position: of the next byte that is asked for.
    """

    def __init__(self, offset: int, length: int, clock: IReactorTime, seconds: float) -> None:
        self.position = offset
        self._offset = offset
        self._length = length
        self._received = 0
        self._ahead: deque[bytes] = deque()
        self._ahead_bytes = 0
        self._paused = False
        self._waiting: Deferred[bytes] | None = None
        self._trouble: Failure | None = None
        self._closed = False
        self._seconds = seconds
        self._timer = StallTimer(clock, seconds, lambda: self._received, self._stalled)

    def begin(self, opening: Coroutine[Deferred[Any], Any, IResponse]) -> None:
        """Have the answer come."""
        self._opening = Deferred.fromCoroutine(opening)
        self._opening.addCallback(self._opened).addErrback(self._fail)

    def next(self) -> bytes | Deferred[bytes]:
        """The next bytes, at once or later; cancelling what comes later closes the connection."""
        if self._ahead:
            piece = self._ahead.popleft()
            self._ahead_bytes -= len(piece)
            self.position += len(piece)
            if self._paused and self._ahead_bytes <= _LEAST_AHEAD:
                self._paused = False
                self._connection.resumeProducing()
            return piece
        self._waiting = Deferred(lambda _: self.close())
        waiting = self._waiting
        self._tell()
        return waiting

    def close(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        self._waiting = None
        self._ahead.clear()
        self._timer.stop()
        self._opening.cancel()
        if self.transport is not None and self._trouble is None:
            abort(self.transport)

    def _opened(self, response: IResponse) -> None:
        given = content_range(response.headers)
        start = 0 if given is None or given.part is None else given.part.start
        if start != self._offset or response.length != self._length:
            discard(response)
            kind = f"it gave other bytes than {self._length} from {self._offset} on"
            raise S3Unavailable(_VERB, kind)
        response.deliverBody(self)

    def connectionMade(self) -> None:
        """The body is about to arrive."""
        self._timer.start()

    def dataReceived(self, data: bytes) -> None:
        """Some of it arrived."""
        if self._closed:
            return
        self._received += len(data)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.position += len(data)
            waiting.callback(data)
            return
        self._ahead.append(data)
        self._ahead_bytes += len(data)
        if self._ahead_bytes >= _MOST_AHEAD and not self._paused:
            self._paused = True
            self._connection.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No more will arrive."""
        self._timer.stop()
        if ended_well(reason):
            self._fail(Failure(EOFError("the object has no more bytes")))
        else:
            assert reason.value is not None
            self._fail(Failure(S3Unavailable(_VERB, reason_of(reason.value))))

    def _stalled(self) -> None:
        if self._paused:
            self._timer.start()  # it is we who keep S3 waiting
            return
        kind = f"nothing has arrived for {self._seconds:g} s"
        self._fail(Failure(S3Unavailable(_VERB, kind)))
        abort(self.transport)

    def _fail(self, trouble: Failure) -> None:
        """There will be no more than what is here already."""
        if self._trouble is None and not self._closed:
            self._trouble = trouble
            self._tell()

    def _tell(self) -> None:
        """Have who waits know that nothing comes."""
        if self._trouble is not None and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.errback(self._trouble)

    @property
    def _connection(self) -> IPushProducer:
        connection: IPushProducer = self.transport  # type: ignore[assignment]
        return connection
