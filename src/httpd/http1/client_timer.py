"""How long a client may take, for its next request or for what it has been sent."""

from __future__ import annotations

import array
import fcntl
import math
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_LOOKS = 6
"""How often progress is looked at within the time allowed: its end is noticed 1/3 late at most."""

_SHORTEST = 0.25
"""Seconds between two looks."""

_PROBE_SECONDS = 15
"""Between keepalive probes of a client that has nothing to send any more."""

_PROBES = 4
"""How many of them in turn may stay unanswered."""

_BYTES_ACKED = struct.Struct("=120xQ")
"""C{tcpi_bytes_acked} in C{struct tcp_info} (linux/tcp.h)."""


class SendQueue:
    """
    The kernel's part of a connection's way to its peer.

    A client that reads slowly makes progress here long before Twisted's own buffer is empty and its
    producer is resumed.  Where there is no socket, or none of TCP, all is always 0.
    """

    def __init__(self, transport: Any) -> None:
        self._socket: socket.socket | None = getattr(transport, "socket", None)

    def unsent(self) -> int:
        """Bytes that the kernel still has to get to the peer (C{SIOCOUTQ}, tcp(7))."""
        count = array.array("i", [0])
        try:
            if self._socket is not None:
                fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, count)
        except (OSError, ValueError):
            pass  # not a socket, or closed meanwhile
        return count[0]

    def acknowledged(self) -> int:
        """
        Bytes that the peer's kernel has taken, since the beginning (C{TCP_INFO}, tcp(7)).

        What is unsent may be the same again after a while, because as much has been written.
        """
        try:
            if self._socket is not None:
                info = self._socket.getsockopt(
                    socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size
                )
                return int(_BYTES_ACKED.unpack(info)[0])
        except (OSError, struct.error):
            pass  # as above, or a kernel before Linux 4.1
        return 0

    def probe(self) -> None:
        """Have the kernel ask the peer's whether the connection is still there (tcp(7))."""
        tcp = socket.IPPROTO_TCP
        with suppress(OSError):
            if self._socket is not None:
                self._socket.setsockopt(tcp, socket.TCP_KEEPIDLE, _PROBE_SECONDS)
                self._socket.setsockopt(tcp, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
                self._socket.setsockopt(tcp, socket.TCP_KEEPCNT, _PROBES)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def broken(self) -> bool:
        """Whether it has turned out that it is not (C{SO_ERROR}, socket(7))."""
        try:
            if self._socket is not None:
                return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        except OSError:
            pass  # closed meanwhile
        return False


class Progress(Protocol):
    """Tells what a client takes; L{SendQueue} is one."""

    def unsent(self) -> int:
        """Bytes that it has not acknowledged."""

    def acknowledged(self) -> int:
        """Bytes that it has, since the beginning."""

    def probe(self) -> None:
        """Begin to ask it whether it is still there."""

    def broken(self) -> bool:
        """Whether it is not, as far as that has turned out."""


class ClientTimer:
    """
    The one timer of a connection: waits for a request, for a delivery, or for nothing.

    What it waits for changes some times with each request, and the time is hardly ever up.  So a
    change costs next to nothing: the one timed call is left to come too early, and is put off then;
    and the kernel is asked for progress only when it is time for a look.
    """

    def __init__(
        self,
        clock: IReactorTime,
        progress: Progress,
        stall_seconds: float,
        stalled: Callable[[], None],
    ) -> None:
        """
        @param progress: what is looked at, now and then.
        @param stall_seconds: how long a client may acknowledge nothing, when something is unsent.
        @param stalled: what to do then.
        """
        self._clock = clock
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._stalled = stalled
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self._then = _nothing
        self._left: Callable[[], None] | None = None

    def expect_request(self, seconds: float, late: Callable[[], None]) -> None:
        """Do C{late} after so long, whatever the client does meanwhile but complete it."""
        self._after(seconds, late)

    def expect_reading(self) -> None:
        """The client is to take some of what it has been sent."""
        self.expect_delivery(math.inf, _nothing)

    def expect_delivery(self, seconds: float, delivered: Callable[[], None]) -> None:
        """
        The client is to take everything.

        @param seconds: for how long it has to have had it before C{delivered} is done.
        """
        self._delivered = seconds, delivered
        self._seen = -1, -1
        self._interval = max(_SHORTEST, min(seconds, self._stall_seconds) / _LOOKS)
        self._after(self._interval, self._look)

    def rest(self) -> None:
        """Nothing is expected of the client, but that it is there."""
        self._then = _nothing
        if self._left is not None:
            self._after(_PROBE_SECONDS, self._look_for_client)

    def expect_presence(self, left: Callable[[], None]) -> None:
        """
        The client is to be there, from now on, whatever is expected besides.  It sends nothing any
        more, by whose end one would see that it has left.

        @param left: what to do when it has.
        """
        if self._left is None:
            self._left = left
            self._progress.probe()
            if self._then is _nothing:
                self.rest()

    def stop(self) -> None:
        """Let go of everything, for good; nothing may be expected any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        # Whom it works for refers to it: no cycle is to keep what a dropped client left.
        self._then = self._stalled = _nothing
        self._left = None
        self._delivered = 0.0, _nothing

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._then = then
        self._due = self._clock.seconds() + seconds
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._called)
        elif self._call.getTime() > self._due:
            self._call.reset(seconds)

    def _called(self) -> None:
        self._call = None
        if self._then is _nothing:
            return
        early = self._due - self._clock.seconds()
        if early > 0:
            self._call = self._clock.callLater(early, self._called)
            return
        then, self._then = self._then, _nothing
        then()

    def _look_for_client(self) -> None:
        if self._left is not None and self._progress.broken():
            self._left()
        else:
            self.rest()

    def _look(self) -> None:
        unsent, now = self._progress.unsent(), self._clock.seconds()
        seen = unsent, self._progress.acknowledged()
        if seen != self._seen:
            self._seen, self._changed_at = seen, now
        seconds, then = (self._stall_seconds, self._stalled) if unsent else self._delivered
        if now - self._changed_at >= seconds:
            then()
        else:
            self._after(self._interval, self._look)


def _nothing() -> None:
    """Nothing is waited for."""
