"""Services that are one coroutine."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure


class Background(Service):
    """
    Runs one coroutine from start to stop.

    @cvar failed: what is logged, with its error, when the coroutine fails.
    """

    failed: str
    _log = Logger()
    _running: Deferred[None] | None = None

    async def run(self) -> None:
        """What goes on; cancelled at the stop."""
        raise NotImplementedError

    def startService(self) -> None:
        """Begin; nothing waits for it."""
        Service.startService(self)
        self._running = Deferred.fromCoroutine(self.run())
        self._running.addErrback(self._tell)

    def stopService(self) -> Deferred[None] | None:
        """Give up what is not done yet; fires when that is so."""
        Service.stopService(self)
        if self._running is not None:
            self._running.cancel()
        return self._running

    def _tell(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure(self.failed, failure)
