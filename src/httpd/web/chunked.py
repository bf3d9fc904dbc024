"""Bodies of which nobody knows yet how long they become: sent as they come, at a client's pace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from httpd.web.request import ServiceRequest

_LAST_CHUNK = b"0\r\n\r\n"


@implementer(IPushProducer)
class _Gate:
    """Is closed while the client has not taken what it was sent."""

    def __init__(self) -> None:
        self._opens: Deferred[None] | None = None

    async def passed(self) -> None:
        """Wait until it is open."""
        if self._opens is not None:
            await self._opens

    def pauseProducing(self) -> None:
        """Close."""
        if self._opens is None:
            self._opens = Deferred()

    def resumeProducing(self) -> None:
        """Open."""
        opens, self._opens = self._opens, None
        if opens is not None:
            opens.callback(None)

    def stopProducing(self) -> None:
        """The client has left; whoever sends is cancelled for that."""


async def send_chunks(
    request: ServiceRequest, content_type: str, read: Callable[[], Awaitable[bytes]]
) -> None:
    """
    Answer with all that C{read} gives, until it gives nothing: chunked (RFC 9112, section 7.1), or
    to clients of HTTP/1.0 until the connection closes.

    The next piece is only asked for once the client has room for it.  Nothing may have been written
    before; cancel it when the client leaves.

    @raise Exception: what C{read} raises; the connection is cut then.
    """
    chunked = request.clientproto == b"HTTP/1.1"
    request.setHeader("cache-control", "no-store")
    request.setHeader("content-type", content_type)
    if chunked:
        request.setHeader("transfer-encoding", "chunked")
    request.write(b"")
    if request.method == b"HEAD":
        request.finish()
        return
    gate = _Gate()
    request.registerProducer(gate, True)
    try:
        while piece := await read():
            request.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await gate.passed()
        if chunked:
            request.write(_LAST_CHUNK)
    finally:
        if not request.left:
            request.unregisterProducer()
    request.finish()
