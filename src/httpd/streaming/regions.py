"""
TCP transports that send regions of files by themselves, and keep no copy of anything for a client
that takes its time.

Producers need not know: what they get of a source with such a transport's
L{RegionServer.read_piece} they write like bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure

from httpd.representation.segments import Source
from httpd.streaming.disk import Answer, DiskFile, FileRegion, Piece, RegionSource
from httpd.streaming.piece_queue import PieceQueue

TURN = 128 * 1024
"""
Bytes sent, or brought into the page cache, before it is the next connection's turn.  The reactor
waits for the turns of all, C{/live} and all other connections with it.
"""


class NotAtHand(Exception):
    """The page cache does not have the bytes."""


@dataclass(slots=True)
class _Thread:
    """A thread that is at work for a connection; nothing else is sent meanwhile."""

    has_socket: bool
    """Whether it sends; otherwise it brings what is sent next into the page cache."""

    lost: Failure | None = None
    """Why the connection was lost while the thread had its socket."""


class RegionServer(Server):
    """
    The server's side of a connection, to be made a listening port's C{transport}.

    What is written, bytes and regions, goes out in its order: at once as far as the socket takes it
    and it is this connection's turn, the rest when the reactor tells.  Nothing else happens within
    a write: producers are resumed and connections are closed in turns of the reactor, as with every
    other transport of Twisted's.  The producer is paused as long as
    C{bufferSize} bytes wait.  Long runs of bytes are sent from where they are, while Twisted's
    buffer would copy them for each client.

    A subclass says how bytes and files are sent: L{send_bytes}, L{send_file}, and perhaps
    L{send_by_thread}.
    """

    _log = Logger()
    _turn_left = 0
    _corked = False
    _thread: _Thread | None = None

    def __init__(self, *connection: Any) -> None:
        """
        @param connection: what a listening port hands to its C{transport}.
        """
        self._queue = PieceQueue()
        super().__init__(*connection)

    @property
    def waiting(self) -> int:
        """Bytes that were written and have not been sent; a connection that is lost keeps them."""
        return self._queue.waiting

    @staticmethod
    def read_piece(source: Source, offset: int, length: int) -> Answer:
        """Get the next piece of a source in the form that this transport likes best."""
        if isinstance(source, RegionSource):
            region = source.region(offset, length)
            if region is not None:
                return region
        return source.read(offset, length)

    def send_bytes(self, data: memoryview, *, more: bool) -> int | ConnectionLost:
        """
        Send some bytes.

        After a 0 it is asked for the same again, or the same with more behind it.

        @param data: no more than are left of this turn.
        @param more: whether others follow at once.
        @return: how many were sent, 0 when the socket takes none now; or why the connection is
            lost.
        """
        raise NotImplementedError

    def send_file(
        self, file: DiskFile, offset: int, length: int, *, brought: bool
    ) -> int | ConnectionLost:
        """
        As L{send_bytes}, with C{length} bytes of a file, and without waiting for the disk.

        @param brought: whether all that there are have just been brought into the page cache.
        @raise NotAtHand: they must be brought first; never when they have been.
        @raise EOFError: the file does not have them.
        """
        raise NotImplementedError

    def send_by_thread(self, region: FileRegion, sent: int) -> Deferred[int] | None:
        """
        Have a thread send some of what is left of a region, where that is better than a turn.

        @param sent: bytes of it that are sent.
        @return: fires with how many more were.
        """
        return None

    def write(self, data: Piece) -> None:
        """Send bytes or a region, after all that was written before."""
        self.writeSequence((data,))

    def writeSequence(self, iovec: Iterable[Piece]) -> None:
        """Send several pieces, in as few packets as they fit into."""
        if not self.connected:
            return
        queue = self._queue
        at_once = not queue.pieces and self._may_send()
        for piece in iovec:
            queue.append(piece, self.bufferSize)
        if at_once:
            self._send_turn()  # what fails will do so again when the reactor can be told of it
        if queue.pieces or (self.producer is not None and not self.streamingProducer):
            self._maybePauseProducer()
            if self._thread is None:
                self.startWriting()

    def doRead(self) -> Any:  # noqa: N802
        """The client has sent something; its answer may go out at once."""
        self._turn_left = TURN
        return super().doRead()

    def doWrite(self) -> Any:
        """The socket takes more."""
        if self._thread is not None:
            self.stopWriting()
            return None
        if self._lend_socket():
            return None
        self._turn_left = TURN
        lost = self._send_turn()
        # With nothing to send, it is for Twisted to resume the producer, or to close.
        return lost if self._queue.pieces else super().doWrite()

    def writeSomeData(self, _data: bytes) -> int:  # noqa: N802
        """Twisted's own buffer is always empty."""
        return 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What the client has not taken is not kept; a thread that has the socket ends first."""
        thread = self._thread
        if thread is not None and thread.has_socket:
            thread.lost = thread.lost or reason
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            return
        self._queue.clear()
        super().connectionLost(reason)

    def _isSendBufferFull(self) -> bool:  # noqa: N802
        return self._queue.waiting > self.bufferSize

    def _may_send(self) -> bool:
        """Whether the connection is in a state to send."""
        return not self._aborting

    def _send_turn(self) -> ConnectionLost | None:
        """
        Send what the socket takes, and no more than is left of this turn.

        @return: why the connection is lost, if it is.
        """
        queue, pieces = self._queue, self._queue.pieces
        while pieces and self._turn_left > 0:
            piece = pieces[0]
            rest = len(piece) - queue.sent
            sent = self._send(piece, min(rest, self._turn_left))
            if not isinstance(sent, int):
                return sent
            queue.take(sent)
            self._turn_left -= sent
            if sent < rest:
                break
        if self._corked is not bool(pieces):
            self._cork(until_more=not self._corked)
        return None

    def _cork(self, *, until_more: bool) -> None:
        """
        Send full packets only (C{TCP_CORK}, tcp(7)), as long as there is more to send.

        Otherwise each call has the kernel send what there is, and OpenSSL makes a call for each
        16 KiB.
        """
        self._corked = until_more
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, until_more)

    def _send(self, piece: Piece, length: int) -> int | ConnectionLost | None:
        """Send some of the next bytes of the first piece; L{None} while they are being brought."""
        queue = self._queue
        if isinstance(piece, bytes):
            data = memoryview(piece)[queue.sent : queue.sent + length]
            return self.send_bytes(data, more=len(queue.pieces) > 1)
        offset = piece.offset + queue.sent
        brought = queue.brought_from(offset)
        if brought:
            length = min(length, brought)
        try:
            sent = self.send_file(piece.file, offset, length, brought=bool(brought))
        except NotAtHand:
            self._bring(piece.file, offset, length)
            return None
        except EOFError:
            self._log.error("{name} was truncated while it was sent", name=piece.file.path.name)
            return CONNECTION_LOST
        if isinstance(sent, int) and sent < length:
            # Until the client has taken this, the page cache may lose what it had.
            queue.note_brought(0)
        return sent

    def _bring(self, file: DiskFile, offset: int, length: int) -> None:
        """Have a thread bring the next bytes, to be sent before they can be lost again."""
        brought = file.bring(offset, length)
        brought.addCallback(lambda _: self._queue.note_brought(offset + length))
        self._await(brought, has_socket=False)

    def _lend_socket(self) -> bool:
        """Whether a thread goes on with the first piece."""
        queue = self._queue
        first = queue.pieces[0] if queue.pieces else None
        if not isinstance(first, FileRegion):
            return False
        sending = self.send_by_thread(first, queue.sent)
        if sending is None:
            return False
        queue.note_brought(0)
        self._await(sending.addCallback(queue.take), has_socket=True)
        return True

    def _await(self, result: Deferred[None], *, has_socket: bool) -> None:
        """Send nothing until a thread is done."""
        self._thread = _Thread(has_socket)
        self.stopWriting()
        result.addErrback(self._failed)
        result.addCallback(self._go_on)

    def _failed(self, failure: Failure) -> None:
        assert self._thread is not None
        if self.connected and self._thread.lost is None:
            self._log.error("a file cannot be read: {reason}", reason=failure.getErrorMessage())
            self.abortConnection()

    def _go_on(self, _: None) -> None:
        """The thread is done."""
        thread, self._thread = self._thread, None
        assert thread is not None
        if thread.lost is not None:
            self.connectionLost(thread.lost)
        elif self.connected:
            self.startWriting()
