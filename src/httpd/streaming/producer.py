"""The one producer: plays a representation into a consumer, at the consumer's pace."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import lru_cache

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    ZeroSegment,
)
from httpd.streaming.disk import Answer, FileRegion, Piece, ReadPiece, read_bytes

PIECE = 256 * 1024
"""Bytes written at a time of what is at hand; a source decides for itself how much it gives."""

_zeros = lru_cache(maxsize=8)(bytes)
"""Zeros, so many: images leave the same gaps for all their clients."""


@implementer(IBodyProducer)
class RepresentationProducer:
    """
    Plays C{representation} into a consumer.

    The producer is over when the consumer has asked for more after the last write, or never
    paused: until then bytes may still wait in its buffer.

    @ivar length: bytes in all.
    @ivar written: bytes handed to the consumer so far.
    """

    def __init__(self, representation: Representation, read_piece: ReadPiece = read_bytes) -> None:
        """
        @param read_piece: how a source is asked, for a consumer that takes more than bytes.
        """
        self._read_piece = read_piece
        self.length = representation.length
        self.written = 0
        self._segments = iter(representation)
        self._segment: Segment | None = next(self._segments, None)
        self._position = 0
        self._paused = False
        self._busy = False
        self._at_once = False
        self._consumer: IConsumer | None = None
        self._coming: Deferred[None] | None = None
        self._over = False
        self._trouble: Failure | None = None
        self._done: Deferred[None] | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        L{play}, as the interface wants it.

        @return: fires when everything was taken; fails with the error of a source.  Cancelling it
            stops the producer.
        """
        return Deferred.fromCoroutine(self.play(consumer))

    async def play(self, consumer: IConsumer) -> None:
        """
        Begin; returns when everything was taken, which may be at once.

        @raise OSError: of a source, as is C{EOFError}.
        @raise CancelledError: it was cancelled, which stops the producer.
        """
        self._consumer = consumer
        self._produce()
        if not self._over:
            self._done = Deferred(lambda _: self.stopProducing())
            await self._done
        elif self._trouble is not None:
            self._trouble.raiseException()

    def pauseProducing(self) -> None:
        """The consumer has enough for now; may be called from within its C{write}."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The consumer wants more."""
        self._paused = False
        self._produce()

    def stopProducing(self) -> None:
        """The consumer is gone: nothing more is read or written, and nothing fires."""
        self._done = None
        self._release()
        if self._coming is not None:
            self._coming.cancel()

    def _produce(self) -> None:
        # A consumer may resume from within write, and bytes may be under way from a thread.
        while not (self._busy or self._paused or self._consumer is None):
            if self._segment is None:
                self._end(None)
                return
            self._busy = True
            try:
                piece = self._next_piece(self._segment)
                if not isinstance(piece, (bytes, FileRegion)):
                    self._await(piece)
                    if self._busy:
                        return
                    continue
                self._play(piece, self._segment, self._consumer)
            except Exception:  # a source's, whatever it is
                self._end(Failure())
                return
            self._busy = False

    def _next_piece(self, segment: Segment) -> Answer:
        """The next bytes, or a promise of them."""
        start = self._position
        rest = segment.length - start
        match segment:
            case FileSegment(source=source, offset=offset):
                return self._read_piece(source, offset + start, rest)
            case BytesSegment(data=data):
                return bytes(data[start : start + PIECE])
            case ZeroSegment():
                return _zeros(min(rest, PIECE))

    def _play(self, piece: Piece, segment: Segment, consumer: IConsumer) -> None:
        length = len(piece)
        self._position += length
        if self._position == segment.length:
            self._segment = next(self._segments, None)
            self._position = 0
        self.written += length
        consumer.write(piece)  # type: ignore[arg-type]

    def _await(self, later: Awaitable[Piece]) -> None:
        """Go on when what was promised has come; in the same loop, where it has come at once."""
        coming = later if isinstance(later, Deferred) else Deferred.fromCoroutine(_awaited(later))
        self._at_once = True
        self._coming = coming.addCallbacks(self._arrived, self._failed)
        self._at_once = False

    def _arrived(self, piece: Piece) -> None:
        if self._segment is not None and self._consumer is not None:
            self._play(piece, self._segment, self._consumer)
        self._busy = False
        if not self._at_once:
            self._produce()

    def _failed(self, reason: Failure) -> None:
        self._busy = False
        if self._consumer is not None:
            self._end(reason)

    def _end(self, trouble: Failure | None) -> None:
        self._over, self._trouble = True, trouble
        self._release()
        if self._done is not None:
            self._done.callback(trouble)  # a Failure makes it an errback

    def _release(self) -> None:
        """
        Let go of the consumer, which refers to this object: what a client has not taken is not to
        stay in memory until a collection of cycles.  And of a source that is not at its end.
        """
        self._consumer = None
        if isinstance(self._segment, FileSegment):
            self._segment.source.release()


async def _awaited(later: Awaitable[Piece]) -> Piece:
    """As a coroutine, which is all that a Deferred can be made of."""
    return await later
