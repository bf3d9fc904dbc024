"""This worker's client connections, as all workers see them."""

from __future__ import annotations

from assisted_images.settings.settings import Settings
from assisted_images.workers.ledger import Fact, Ledger
from httpd.http1.connections import Connection, Connections


def share_of_connections(settings: Settings) -> int:
    """How many of C{MAX_CONNECTIONS} one worker may have."""
    return -(-settings.max_connections // settings.workers)


class NotedConnections(Connections):
    """Connections that are counted in the ledger as well."""

    def __init__(self, limit: int, ledger: Ledger) -> None:
        super().__init__(limit)
        self._ledger = ledger

    def opened(self, connection: Connection) -> None:
        """Count a new connection."""
        super().opened(connection)
        self._note()

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for a request."""
        super().waits(connection)
        self._note()

    def answers(self, connection: Connection) -> None:
        """Note that an answer is under way."""
        super().answers(connection)
        self._note()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        super().closed(connection)
        self._note()

    def _note(self) -> None:
        self._ledger.note(Fact.CONNECTIONS, len(self))
        self._ledger.note(Fact.ANSWERING, self.answering)
