"""
A TCP transport that sends files without reading them: C{sendfile(2)}.

The kernel moves the bytes from the page cache to the socket; Python sees neither.  Producers need
not know: what they get of a source with this transport's L{SendfileServer.read_piece} they write
like bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure

from assisted_images.streaming.disk import DiskFile, FileRegion
from assisted_images.streaming.pieces import Answer, Piece, ReadableSource

_TURN = 256 * 1024
"""Bytes sent before it is the next connection's turn: the reactor waits while they are copied."""


class SendfileServer(Server):
    """
    The server's side of a connection, to be made a listening port's C{transport}.

    A region that is written waits for the bytes before it, and what is written after waits for the
    region; the producer is paused as long as a region is under way.
    """

    _log = Logger()
    _region: FileRegion | None = None
    _sent = 0
    _at_hand = 0
    _bringing = False
    producer: Any

    @staticmethod
    def read_piece(source: ReadableSource, offset: int, length: int) -> Answer:
        """Get the next piece of a source in the form that this transport likes best."""
        if isinstance(source, DiskFile):
            return source.region(offset, length)
        return source.read(offset, length)

    def write(self, data: Piece) -> None:
        """Send bytes or a region, after all that was written before."""
        if self._region is not None:
            self._behind.append(data)
        elif isinstance(data, FileRegion):
            self._begin(data)
        else:
            super().write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several runs of bytes."""
        for data in iovec:
            self.write(data)

    def doWrite(self) -> Any:
        """The socket takes more: first the bytes before the region, then the region."""
        if self._region is None:
            return super().doWrite()
        if not (self.dataBuffer or self._tempDataBuffer):
            return self._send(self._region)
        self.producerPaused = False  # not to be resumed between the bytes and the region
        result = super().doWrite()
        self.startWriting()
        return result

    def _begin(self, region: FileRegion) -> None:
        if not self.connected:
            return
        self._region, self._sent, self._at_hand = region, 0, 0
        self._behind: deque[Piece] = deque()
        if self.producer is not None and self.streamingProducer and not self.producerPaused:
            self.producerPaused = True
            self.producer.pauseProducing()
        self.startWriting()

    def _send(self, region: FileRegion) -> Any:
        offset, length = region.offset + self._sent, min(_TURN, region.length - self._sent)
        if self._bringing:
            self.stopWriting()
            return None
        if offset >= self._at_hand:
            # A slow client's region may have left the page cache since it was written.
            turn = region.file.region(offset, length)
            if isinstance(turn, Deferred):
                self._bringing = True
                self.stopWriting()
                turn.addCallbacks(self._brought, self._not_brought)
                return None
        try:
            sent = os.sendfile(self.fileno(), region.file.descriptor, offset, length)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not sent:
            self._log.error("{name} was truncated while it was sent", name=region.file.path.name)
            return CONNECTION_LOST
        self._sent += sent
        return self._end() if self._sent == region.length else None

    def _brought(self, turn: FileRegion) -> None:
        """The next bytes are in the page cache: to be sent before anything can change that."""
        self._bringing = False
        self._at_hand = turn.offset + turn.length
        if self.connected:
            self.startWriting()

    def _not_brought(self, failure: Failure) -> None:
        self._bringing = False
        if self.connected:
            self._log.error("a file cannot be read: {reason}", reason=failure.getErrorMessage())
            self.abortConnection()

    def _end(self) -> Any:
        """The region is out: on with what is behind it, or with the producer."""
        self._region = None
        self.producerPaused = True
        for data in self._behind:
            self.write(data)
        return self.doWrite()

    def _postLoseConnection(self) -> Any:
        # Called between the bytes and the region, too: the connection ends behind both.
        return None if self._region is not None else super()._postLoseConnection()
