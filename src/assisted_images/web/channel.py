"""
One client's connection: when its requests must have arrived, and when it is cut.

HTTP/1.1 as Twisted speaks it, with times of its own: Twisted's are reset by every byte, and do not
see what the kernel still has to send to a slow client (twisted#12498).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from assisted_images.streaming.delivery import DeliveryTimer
from assisted_images.streaming.unsent import unsent_bytes
from assisted_images.web.connections import Connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long a client may take, in seconds."""

    header_seconds: float = 30.0
    """For a whole request, and for the TLS handshake before the first."""

    stall_seconds: float = 90.0
    """Without taking anything of what it is sent."""

    idle_seconds: float = 60.0
    """Until its next request, once it has taken the last answer."""

    close_seconds: float = 5.0
    """Until it closes too, once it has taken everything: TLS waits for its C{close_notify}."""


class ChannelSite(Protocol):
    """What a connection needs of its factory."""

    clock: IReactorTime
    times: Times
    connections: Connections


class DeadlineChannel(HTTPChannel):
    """An HTTP/1 connection that its client cannot hold for longer than L{Times} allows."""

    site: ChannelSite
    transport: ITCPTransport
    _receiving = False
    _answering = False
    _closing = False
    _lost = False

    def connectionMade(self) -> None:
        """Give the first request its time."""
        super().connectionMade()
        self._unsent = unsent_bytes(self.transport)
        self._stop_waiting: Callable[[], None] = _nothing
        self._expect_request()
        self.site.connections.opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Give a request its time from its first byte on."""
        if self._closing and not self.requests:
            return
        if not (self._receiving or self._answering or self._closing):
            self._expect_request()
        super().dataReceived(data)

    def checkPersistence(self, request: Request, version: bytes) -> bool:  # noqa: N802
        """Let no request follow this one when the service is going down."""
        if self.site.connections.draining:
            request.setHeader("connection", "close")
            return False
        return bool(super().checkPersistence(request, version))

    def allContentReceived(self) -> None:  # noqa: N802
        """Note that the request has arrived in time."""
        self._receiving, self._answering = False, True
        self._stop_waiting()
        self.site.connections.answers(self)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Wait for the next request, which may have arrived already."""
        self._answering = False
        if self.site.connections.draining and not self.persistent:
            self.requests.remove(request)
            self._close_after_delivery()
            return
        self.site.connections.waits(self)
        super().requestDone(request)
        if not (self._receiving or self._answering or self._closing):
            times = self.site.times
            self._wait_for_delivery(times.idle_seconds, self.loseConnection)

    def loseConnection(self) -> None:  # noqa: N802
        """
        Close when everything is sent.

        On TLS that waits for the client's C{close_notify} (twisted#7926): not for ever.
        """
        self._receiving, self._closing = False, True
        super().loseConnection()
        if not self._lost:
            self.site.connections.waits(self)
            self._wait_for_delivery(self.site.times.close_seconds, self.abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Wait for nothing any more."""
        self._closing = self._lost = True
        self._stop_waiting()
        self._stop_waiting = _nothing
        self.site.connections.closed(self)
        super().connectionLost(reason)

    def drain(self) -> None:
        """Close, after the request that has begun where there is one."""
        if self._answering:
            self.persistent = False
            for request in self.requests:
                if not request.startedWriting:
                    request.setHeader("connection", "close")
        elif not (self.requests or self._closing):
            self._close_after_delivery()

    def abort(self) -> None:
        """Cut the connection: what is not sent yet is lost."""
        self._closing = True
        self.transport.abortConnection()

    def _expect_request(self) -> None:
        self._receiving = True
        self._stop_waiting()
        call = self.site.clock.callLater(self.site.times.header_seconds, self.abort)
        self._stop_waiting = lambda: call.cancel() if call.active() else None

    def _close_after_delivery(self) -> None:
        """
        Close once the client has everything.  The kernel would see to that by itself, but not
        when it goes down with the service's container.
        """
        self._receiving, self._closing = False, True
        self._wait_for_delivery(0, self.loseConnection)

    def _wait_for_delivery(self, seconds: float, then: Callable[[], None]) -> None:
        """
        Do C{then} once the client has had everything for C{seconds}; cut the connection of one
        that does not take it.
        """
        self._stop_waiting()
        timer = DeliveryTimer(
            self.site.clock,
            self._unsent,
            (seconds, then),
            (self.site.times.stall_seconds, self.abort),
        )
        timer.start()
        self._stop_waiting = timer.stop


def _nothing() -> None:
    """There is nothing to stop."""
