"""A whole service: its listeners and whatever runs besides, and what becomes of the process."""

from __future__ import annotations

from typing import Any

from twisted.application.service import MultiService
from twisted.logger import Logger
from twisted.python.components import Componentized

from httpd.http1.connections import Connections
from httpd.listening.listeners import CannotListen
from httpd.logs.service import ServiceLog
from httpd.process.open_files import allow_open_files


class HttpService(MultiService):
    """Everything that runs, and what is to be done about the process itself."""

    _log = Logger()

    def __init__(self, log: ServiceLog, connections: Connections) -> None:
        super().__init__()
        self._service_log = log
        self._connections = connections

    def setServiceParent(self, parent: Any) -> None:
        """Join an application, and have its log written as JSON."""
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            self._service_log.begin(parent)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise SystemExit: in the foreground, a port is not to be had; the log says which.
        @raise CannotListen: the same in the background, where twistd passes it on to its parent.
        """
        allow_open_files(self._connections)
        try:
            super().privilegedStartService()
        except CannotListen as error:
            self._log.critical("{reason}", reason=str(error))
            if not self._service_log.in_foreground:
                raise
            # Of any other exception twistd would print a traceback.
            raise SystemExit(1) from None
