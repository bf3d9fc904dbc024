"""A whole service: its listeners and whatever runs besides, and what becomes of the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from signal import SIGTERM
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.logger import Logger
from twisted.python.components import Componentized

from httpd.http1.connections import Connections
from httpd.listening.listeners import CannotListen
from httpd.logs.service import ServiceLog
from httpd.process.memory import MemoryReturn
from httpd.process.open_files import allow_open_files
from httpd.process.shutdown import Drainable, Shutdown
from httpd.process.signals import OperatorSignals


class HttpService(MultiService):
    """
    Everything that runs, and what is to be done about the process itself.

    @cvar refusals: errors of a start that say all there is to say.
    """

    refusals: tuple[type[Exception], ...] = (CannotListen,)
    _log = Logger()

    def __init__(
        self, log: ServiceLog, connections: Connections, warnings: Sequence[str] = ()
    ) -> None:
        """
        @param warnings: what is said at the start.
        """
        super().__init__()
        self._service_log = log
        self._connections = connections
        self._warnings = warnings

    def compose(
        self,
        reactor: Any,
        parts: Sequence[Service],
        first: Sequence[Service],
        drain_seconds: float,
        drained: Drainable | None = None,
    ) -> None:
        """
        Take the parts, and besides what every service has.

        @param parts: in the order in which they start.
        @param first: those that stop when the service begins to go down.
        @param drain_seconds: how long answers that are under way may take then.
        @param drained: the connections that have them; by default this service's.
        """
        draining = Shutdown(reactor, drained or self._connections, drain_seconds, first)
        signals = OperatorSignals(
            reactor, self._service_log.reopen, partial(draining.begin, SIGTERM)
        )
        for part in (*parts, MemoryReturn(self._connections, reactor), signals, draining):
            part.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Join an application, and have its log written as JSON."""
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            self._service_log.begin(parent)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise SystemExit: in the foreground, one of L{refusals}, such as that a port is not to be
            had; the log says it.
        @raise Exception: the same in the background, where twistd passes it on to its parent.
        """
        allow_open_files(self._connections)
        self._start(super().privilegedStartService)

    def startService(self) -> None:
        """
        Run, and say what is unusual.

        @raise SystemExit: as when it listens.
        """
        self._start(super().startService)
        for warning in self._warnings:
            self._log.warn("{warning}", warning=warning)

    def _start(self, start: Callable[[], None]) -> None:
        try:
            start()
        except self.refusals as error:
            self._log.critical("{reason}", reason=str(error))
            if not self._service_log.in_foreground:
                raise
            # Of any other exception twistd would print a traceback.
            raise SystemExit(1) from None
