"""Origins of OS images: one server with a path for each, and one that can be watched sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.interfaces import IConsumer, IPullProducer, ITCPTransport
from zope.interface import implementer

from tests.assisted_images.downloads.origin import Origin
from tests.httpd.outbound.servers import Answer, Received, response

_PIECE = 64 * 1024


def by_path(answers: Mapping[str, Answer]) -> Answer:
    """Answers by the request's path, without its slash; 404 for all others."""

    def answer(received: Received, transport: ITCPTransport) -> None:
        answers.get(received.path[1:], missing)(received, transport)

    return answer


def missing(received: Received, transport: ITCPTransport) -> None:
    """Answer 404."""
    transport.write(response("404 Not Found", b"no such file"))


@dataclass
class ShortOrigin(Origin):
    """
    Never sends anything behind the byte C{end}, however often it is asked; None: it has recovered.

    @ivar stall: whether it keeps the connection and is silent then, instead of cutting it.
    """

    end: int | None = None
    stall: bool = False

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        """Answer one request."""
        if self.end is None:
            super().__call__(received, transport)
            return
        start = self._start(received)
        self.asked.append(start)
        piece = self.content[start : self.end]
        transport.write(self._head(start, len(self.content) - start))
        if piece:
            transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
        if not self.stall:
            transport.loseConnection()


@dataclass
class WatchedOrigin(Origin):
    """
    Sends its content by pieces, no faster than it is taken, and tells how far it is.

    @ivar watch: called with the offset behind the last byte that was sent, after each piece.
    """

    watch: Callable[[int], None] = field(default=lambda offset: None)

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        """Answer one request."""
        start = self._start(received)
        self.asked.append(start)
        transport.write(self._head(start, len(self.content) - start))
        consumer: IConsumer = transport  # type: ignore[assignment]
        consumer.registerProducer(_Sending(self, consumer, start), False)


@implementer(IPullProducer)
class _Sending:
    def __init__(self, origin: WatchedOrigin, consumer: IConsumer, start: int) -> None:
        self._origin = origin
        self._consumer = consumer
        self._offset = start

    def resumeProducing(self) -> None:
        """Send the next piece."""
        piece = self._origin.content[self._offset : self._offset + _PIECE]
        if not piece:
            self._consumer.unregisterProducer()
            return
        self._offset += len(piece)
        self._consumer.write(piece)
        self._origin.watch(self._offset)

    def stopProducing(self) -> None:
        """The connection is gone."""
