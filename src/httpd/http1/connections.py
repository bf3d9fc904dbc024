"""
The open client connections of all listeners: how many there may be, and how they come to an end
when the service does.

Knows nothing of images, and of a connection only whether a request is being answered on it.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

SPARE = 16
"""Connections beyond the limit, for those who ask how the service is: C{/live} must not fail."""

_MOST_LOOKS = 64
"""At how many connections is looked to make room for one."""


class Connection(Protocol):
    """One client's connection."""

    @property
    def delivered(self) -> bool:
        """Whether the client has everything that it was sent."""

    @property
    def sent_bytes(self) -> int:
        """Bytes of body that have been sent of the answer under way, where it is observed."""

    def abort(self) -> None:
        """Cut it, now."""

    def drain(self) -> None:
        """Close it, after the answer that is under way where there is one."""


class Connections:
    """
    Counts connections, and makes room for new ones.

    Where there are as many as there may be, the one that has waited longest for its client's next
    (or first) request gives its place to the new one, as nginx reuses connections: a client that
    wants something asks at once, and what would fill all places is waiting.  Where an answer is
    under way on every one of them, or its end, there are some spare places; a new one beyond those
    is cut, at once: it has a better chance at another replica than in the kernel's queue, in which
    it would look accepted.

    @ivar limit: how many there may be.
    @ivar draining: whether the service is going down.
    @ivar refused: new connections that were cut, so far.
    @ivar reused: waiting connections that were cut to make room, so far.
    """

    _log = Logger()

    def __init__(self, limit: int, spare: int = SPARE) -> None:
        self.limit = limit
        self._spare = spare
        self.draining = False
        self.refused = 0
        self.reused = 0
        # dict keeps the order: the first has waited longest.
        self._waiting: dict[Connection, None] = {}
        self._answering: dict[Connection, None] = {}
        self._drained: Deferred[None] | None = None
        self._full = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._answering)

    @property
    def answering(self) -> int:
        """Connections on which an answer is under way."""
        return len(self._answering)

    @property
    def sent_bytes(self) -> int:
        """Bytes of body that have been sent of the answers under way."""
        return sum(connection.sent_bytes for connection in self._answering)

    @property
    def crowded(self) -> bool:
        """Whether answers are under way on more than the limit: for no download, that is."""
        return len(self._answering) > self.limit

    def opened(self, connection: Connection) -> None:
        """Count a new connection, which waits for its first request; perhaps make room for it."""
        if len(self) < self.limit:
            self._full = False
        elif not self._make_room() and len(self) >= self.limit + self._spare:
            self.refused += 1
            connection.abort()
            return
        self._waiting[connection] = None

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for a request, or has an answer that does not end."""
        self._answering.pop(connection, None)
        self._waiting[connection] = None

    def answers(self, connection: Connection) -> None:
        """Note that an answer is under way."""
        self._waiting.pop(connection, None)
        self._answering[connection] = None

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._waiting.pop(connection, None)
        self._answering.pop(connection, None)
        if self._drained is not None and not self:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self) -> Deferred[None]:
        """Close every connection when its answer is whole; fires when none is left."""
        self.draining = True
        for connection in (*self._waiting, *self._answering):
            connection.drain()
        if not self:
            return succeed(None)
        self._drained = Deferred()
        return self._drained

    def abort(self) -> None:
        """Cut whatever is left."""
        for connection in (*self._waiting, *self._answering):
            connection.abort()

    def _make_room(self) -> bool:
        """Cut the connection that has waited longest; whether there was one."""
        if not self._full:
            self._full = True
            self._log.warn(
                "{limit} connections are open, as many as there may be (MAX_CONNECTIONS)",
                limit=self.limit,
            )
        for longest in list(islice(self._waiting, _MOST_LOOKS)):
            del self._waiting[longest]
            if longest.delivered:
                self.reused += 1
                longest.abort()  # it will be closed soon, and its place is taken now
                return True
            self._waiting[longest] = None  # its turn comes when the others' has come
        return False
