"""All workers' connections, when the service goes down."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.team import Team
from httpd.http1.connections import Connections


class AllConnections:
    """
    The primary's and those of its team, as L{Shutdown<httpd.process.shutdown.Shutdown>} wants
    them.
    """

    def __init__(self, own: Connections, team: Team, ledger: Ledger) -> None:
        self._own = own
        self._team = team
        self._ledger = ledger

    @property
    def answering(self) -> int:
        """Connections on which an answer is under way, or was when its worker ended badly."""
        _, *others = self._ledger.all(Fact.ANSWERING)
        return self._own.answering + sum(others) + self._team.cut

    def drain(self) -> Deferred[None]:
        """Close every connection when its answer is whole; fires when no secondary is left."""
        both = gatherResults([self._own.drain(), self._team.drain()])
        return both.addCallback(lambda _: None)

    def abort(self) -> None:
        """Cut whatever is left; the team's ends with the team."""
        self._own.abort()
