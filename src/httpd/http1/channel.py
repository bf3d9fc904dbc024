"""
One client's connection: when its requests must have arrived, and when it is cut.

HTTP/1.1 as Twisted speaks it, with times of its own: Twisted's are reset by every byte, and do not
see what the kernel still has to send to a slow client (twisted#12498).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from httpd.addresses import plain_address
from httpd.http1.client_timer import ClientTimer, SendQueue
from httpd.http1.head_channel import HeadChannel, HeadSite

_MOST_BYTES_IN_ADVANCE = 16 * 1024
"""Bytes of further requests that are read while one is being answered."""

_MOST_BYTES_AFTER_THE_END = 1024 * 1024
"""Bytes that a client may send after all, when it has been told that the connection is closed."""


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


class ClientObserver(Protocol):
    """Is told of the clients."""

    def client_stalled(self) -> None:
        """Note that one is cut off because it took nothing of what it was sent."""


class ChannelSite(HeadSite, Protocol):
    """What a connection needs of its factory."""

    clock: IReactorTime
    times: Times

    @property
    def observer(self) -> ClientObserver:
        """Is told of stalled clients."""


@implementer(IHalfCloseableProtocol)
class DeadlineChannel(HeadChannel):
    """An HTTP/1 connection that its client cannot hold for longer than L{Times} allows."""

    site: ChannelSite
    _receiving = False
    _answering = False
    _postponed = False
    _closing = False
    _lost = False
    _asks_no_more = False
    _endless = False
    _after_the_end = 0

    def connectionMade(self) -> None:
        """Give the first request its time."""
        super().connectionMade()
        # Each request asks for both.
        self._peer, self._host = self.transport.getPeer(), self.transport.getHost()
        self.peer_address = plain_address(getattr(self._peer, "host", "-"))
        self._send_queue = SendQueue(self.transport)
        self._timer = ClientTimer(
            self.site.clock, self._send_queue, self.site.times.stall_seconds, self._stalled
        )
        self._expect_request()
        self.site.connections.opened(self)

    def getPeer(self) -> IAddress:  # noqa: N802
        """The client's address."""
        return self._peer

    def getHost(self) -> IAddress:  # noqa: N802
        """The address that the client has connected to."""
        return self._host

    def dataReceived(self, data: bytes) -> None:
        """
        Read no request any more once the connection is being closed.

        TLS reads on then, until the client closes, too; and a request that has been refused may go
        on.
        """
        if self._closing:
            self._after_the_end += len(data)
            if self._after_the_end > _MOST_BYTES_AFTER_THE_END:
                self.abort()
            return
        super().dataReceived(data)

    def parse(self, data: bytes) -> None:
        """Give a request that is not there at once its time, from its first byte on."""
        if not (self._receiving or self._answering):
            self._expect_request()
        super().parse(data)

    def checkPersistence(self, request: Request, version: bytes) -> bool:  # noqa: N802
        """
        Let no request follow this one when the service is going down, or if the client says so,
        among other options perhaps (RFC 9110, section 7.6.1).
        """
        fields: Sequence[bytes] = request.requestHeaders.getRawHeaders(b"connection", ())
        options = [option.strip().lower() for option in b",".join(fields).split(b",")]
        if self.site.connections.draining or b"close" in options:
            request.setHeader("connection", "close")
            return False
        return version == b"HTTP/1.1"

    def allContentReceived(self) -> None:  # noqa: N802
        """Note that the request has arrived in time."""
        if self._closing:  # it has been refused, and its body has come nevertheless
            return
        self._receiving, self._answering = False, True
        self.site.connections.answers(self)
        if self._waitingForTransport:  # with the end of the last answer
            self._timer.expect_reading()
            self._postponed = self._handlingRequest = True
            self.setRawMode()
        else:
            self._timer.rest()
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read little in advance; Twisted sees to that only while the transport is not full."""
        if self._closing:
            return
        super().rawDataReceived(data)
        if self._handlingRequest and sum(map(len, self._dataBuffer)) > _MOST_BYTES_IN_ADVANCE:
            self._networkProducer.pauseProducing()

    def pauseProducing(self) -> None:
        """The client has to take something before more is sent."""
        if self._answering:
            self._timer.expect_reading()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken something: there is room for the next answer."""
        if self._answering and not self._endless:
            self._timer.rest()
        super().resumeProducing()
        if self._postponed:
            self._postponed = False
            super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Wait for the next request, which may have arrived already."""
        self.finish_head()
        self._answering = self._endless = False
        if self.site.connections.draining and not self.persistent:
            self.requests.remove(request)
            self._close_after_delivery()
            return
        self.site.connections.waits(self)
        super().requestDone(request)
        if self._answering or self._closing:
            return
        if self._asks_no_more:
            self.loseConnection()
        elif not self._receiving:
            self._timer.expect_delivery(self.site.times.idle_seconds, self.loseConnection)

    def loseConnection(self) -> None:  # noqa: N802
        """
        Close when everything is sent.

        On TLS that waits for the client's C{close_notify} (twisted#7926): not for ever.
        """
        self._receiving, self._closing = False, True
        super().loseConnection()
        if not self._lost:
            self.site.connections.waits(self)
            self._timer.expect_delivery(self.site.times.close_seconds, self.abort)

    def readConnectionLost(self) -> None:  # noqa: N802
        """
        Answer what has come whole, and close then: a client that sends no more may take all the
        same.  One that has left looks alike, until it is sent something or has been probed.
        """
        self._asks_no_more = True
        if self._answering and not self._endless:
            self._timer.expect_presence(self.abort)
        elif not self._closing:
            self.loseConnection()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Nobody closes that side alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Wait for nothing any more."""
        self._closing = self._lost = True
        self._receiving = self._answering = False
        self._timer.stop()
        self.site.connections.closed(self)
        super().connectionLost(reason)

    def drain(self) -> None:
        """Close, after the request that has begun where there is one."""
        if self._endless:
            self.loseConnection() if self.delivered else self.abort()
        elif self._answering:
            self.persistent = False
            for request in self.requests:
                if not request.startedWriting:
                    request.setHeader("connection", "close")
        elif not (self.requests or self._closing):
            self._close_after_delivery()

    def stay_open(self) -> None:
        """
        Note that the answer under way has no end of its own.  Nobody waits for that: the connection
        is closed when the service goes down, gives its place to who needs one, and is cut when its
        client takes nothing any more.
        """
        self._endless = True
        self.site.connections.waits(self)
        self._timer.expect_reading()

    @property
    def sent_bytes(self) -> int:
        """Bytes of body that have been sent of the answer under way, where it is observed."""
        return self.requests[0].sent_so_far if self.requests else 0

    @property
    def delivered(self) -> bool:
        """Whether the client has everything that it was sent."""
        return not (self._waitingForTransport or self._send_queue.unsent())

    def refuse(self, status: int, detail: str) -> None:
        """
        Have a request answered that is not read to its end, and close.

        @param detail: what is wrong; never a secret.
        """
        if self._closing:  # it has been refused already
            return
        self._receiving, self._closing = False, True
        self.persistent = False
        if not self.requests:
            self.requests.append(self.requestFactory(self, False))
        self.setRawMode()
        request = self.requests[-1]
        if request.head is None and self.has_request_line:
            self.give_head()  # it may say what language the client understands
        request.refuse_unread(status, detail)

    def abort(self) -> None:
        """Cut the connection: what is not sent yet is lost."""
        self._closing = True
        self.transport.abortConnection()

    def _send100Continue(self) -> None:  # noqa: N802
        if not self._closing:  # for its body the request has been refused
            super()._send100Continue()

    def _expect_request(self) -> None:
        self._receiving = True
        self._timer.expect_request(self.site.times.header_seconds, self.abort)

    def _close_after_delivery(self) -> None:
        """
        Close once the client has everything.  The kernel would see to that by itself, but not
        when it goes down with the service's container.
        """
        self._receiving, self._closing = False, True
        self._timer.expect_delivery(0, self.loseConnection)

    def _stalled(self) -> None:
        self.site.observer.client_stalled()
        self.abort()
