"""What was written to a connection and has not been sent.  Pure."""

from __future__ import annotations

from collections import deque

from httpd.streaming.disk import Piece


class PieceQueue:
    """
    Pieces in the order in which they were written, and how far the first one is sent.

    A region of a file counts with its length, and takes no memory however long its client takes for
    it.

    @ivar pieces: all that are not sent to their end; to be looked at only.
    @ivar sent: bytes of the first piece that are sent.
    @ivar waiting: bytes of all pieces that are not.
    """

    __slots__ = ("_brought_until", "pieces", "sent", "waiting")

    def __init__(self) -> None:
        self.pieces: deque[Piece] = deque()
        self.sent = 0
        self.waiting = 0
        self._brought_until = 0

    def append(self, piece: Piece, join_up_to: int) -> None:
        """
        Put a piece behind the others.

        @param join_up_to: bytes are copied behind bytes that came before them, so that both go out
            in one call, as long as no more than so many wait.
        """
        length = len(piece)
        if not length:
            return
        pieces = self.pieces
        self.waiting += length
        if pieces and isinstance(piece, bytes) and self.waiting <= join_up_to:
            last = pieces[-1]
            if isinstance(last, bytes):
                pieces[-1] = last + piece
                return
        pieces.append(piece)

    def take(self, count: int) -> None:
        """Note that so many bytes, of the first piece alone, have been sent."""
        self.sent += count
        self.waiting -= count
        if self.sent == len(self.pieces[0]):
            self.pieces.popleft()
            self.sent = self._brought_until = 0

    def note_brought(self, until: int) -> None:
        """
        Note that the next bytes have been brought into the page cache.

        @param until: where in their file they end; 0: it may have lost them.
        """
        self._brought_until = until

    def brought_from(self, offset: int) -> int:
        """How many bytes from an offset in the first piece's file are sure to be there."""
        return max(0, self._brought_until - offset)

    def clear(self) -> None:
        """Forget all pieces; C{waiting} stays, and says what was never sent."""
        self.pieces.clear()
