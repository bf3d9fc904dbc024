"""The stream by which a page is kept as things are: server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.web.http import NO_CONTENT

from httpd.concurrency.coroutines import begun
from httpd.http1.connections import Connections
from httpd.pages.feed import Feed
from httpd.web.chunked import send_chunks
from httpd.web.coroutine_resource import CoroutineResource
from httpd.web.request import ServiceRequest

MOST_READERS = 64
"""Pages that are kept as things are at the same time; others are as they were when loaded."""

_AGAIN = b"retry: 3000\n\n"
"""Milliseconds after which a browser asks again when the stream has ended."""


class Events(CoroutineResource):
    """
    The news of a L{Feed}, or of the one that a request is about.

    An open page is no download, and nobody waits for it: it has no slot, it gives its connection to
    who needs one, and it is closed when the service goes down.
    """

    def __init__(
        self,
        feed: Feed | Callable[[ServiceRequest], Feed],
        connections: Connections,
        most: int = MOST_READERS,
    ) -> None:
        """
        @param feed: or what finds it, where each page has its own.
        @param most: readers at the same time.
        """
        self._feed = feed
        self._connections = connections
        self._most = most
        self._reading = 0

    def answer(self, request: ServiceRequest) -> None:
        """Begin, where there is room; it is cancelled when the client leaves."""
        connections = self._connections
        if self._reading >= self._most or connections.crowded or connections.draining:
            # The way to have a browser stop asking; its page asks again later, by itself.
            request.setResponseCode(NO_CONTENT)
            request.finish()
            return
        request.answer = begun(self._answer(request))

    async def _answer(self, request: ServiceRequest) -> None:
        # nginx would keep events until it has a buffer full of them.
        request.setHeader("x-accel-buffering", "no")
        request.setHeader("x-content-type-options", "nosniff")
        feed = self._feed if isinstance(self._feed, Feed) else self._feed(request)
        seen, first = 0, _AGAIN

        async def read() -> bytes:
            nonlocal seen, first
            seen, event = await feed.after(seen)
            event, first = first + event, b""
            return event

        if request.method != b"HEAD":
            request.channel.stay_open()
        self._reading += 1
        feed.begin()
        try:
            await send_chunks(request, "text/event-stream", read)
        except CancelledError:
            pass  # the client has left
        except Exception as error:
            self.tell(request, error)
        finally:
            feed.end()
            self._reading -= 1
