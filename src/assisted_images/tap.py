"""
The composition root: what makes a running service of the parts, and the one place that knows the
reactor and the process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from assisted_images.assembly import (
    Outbound,
    Population,
    make_application,
    make_listeners,
    make_tls,
)
from assisted_images.listeners import CannotListen
from assisted_images.logs import JsonLogObserver, LineStream
from assisted_images.open_files import OTHER_FILES, raise_open_file_limit
from assisted_images.options import Options
from assisted_images.renewal import CertificateRenewal
from assisted_images.settings import Settings
from assisted_images.shutdown import Shutdown
from assisted_images.web.connections import Connections

__all__ = ["Options", "makeService"]


def makeService(options: Options, reactor: Any = None) -> IService:
    """
    The whole service, not yet started.

    @param options: the command line, read.
    @param reactor: what everything runs on; by default the process's.
    """
    if reactor is None:
        from twisted.internet import reactor
    settings = options.settings
    outbound = Outbound(settings, reactor)
    application = make_application(settings, reactor, outbound)
    tls = make_tls(settings)
    first: list[Service] = [
        *make_listeners(settings, application, reactor, tls),
        Population(application.store),
    ]
    if tls is not None:
        first.append(CertificateRenewal(tls, reactor, application.run_in_thread))
    shutdown = Shutdown(reactor, application.connections, settings.drain_seconds, first)
    service = ImageService(settings, options.parent or {}, application.connections)
    for part in (outbound, *first, shutdown):
        part.setServiceParent(service)
    return service


class ImageService(MultiService):
    """Everything that runs, and what is to be done about the process itself."""

    _log = Logger()

    def __init__(
        self, settings: Settings, twistd: Mapping[str, Any], connections: Connections
    ) -> None:
        """
        @param twistd: twistd's own options.
        """
        super().__init__()
        self._settings = settings
        self._twistd = twistd
        self._connections = connections

    def setServiceParent(self, parent: Any) -> None:
        """Join an application, and have its log written as JSON."""
        super().setServiceParent(parent)
        stream = _log_stream(self._twistd)
        if stream is not None and isinstance(parent, Componentized):
            # twistd looks for this after it has made the service and before it logs anything.
            observer = JsonLogObserver(stream, self._settings.log_level)
            parent.setComponent(ILogObserver, observer)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise SystemExit: in the foreground, a port is not to be had; the log says which.
        @raise CannotListen: the same in the background, where twistd passes it on to its parent.
        """
        self._allow_open_files()
        try:
            super().privilegedStartService()
        except CannotListen as error:
            self._log.critical("{reason}", reason=str(error))
            if not self._twistd.get("nodaemon"):
                raise
            # Of any other exception twistd would print a traceback.
            raise SystemExit(1) from None

    def startService(self) -> None:
        """Run, and say what is unusual about it."""
        super().startService()
        if self._settings.infra_envs_dir is not None:
            self._log.warn(
                "infra-envs come from {infra_envs_dir}: no credentials are asked for",
                infra_envs_dir=self._settings.infra_envs_dir,
            )
        if self._settings.insecure_skip_verify:
            self._log.warn("certificates are not verified when OS images are downloaded")

    def _allow_open_files(self) -> None:
        """Have at most as many connections as there can be files, with some files to spare."""
        most = raise_open_file_limit() - OTHER_FILES
        if most < self._connections.limit:
            self._log.warn(
                "{most} connections at most instead of MAX_CONNECTIONS={limit}:"
                " the system allows this process no more open files",
                most=most,
                limit=self._connections.limit,
            )
            self._connections.limit = max(1, most)


def _log_stream(twistd: Mapping[str, Any]) -> LineStream | None:
    """Where the log goes; C{None}: twistd has been told to write it in a way of its own."""
    file, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if twistd.get("logger") or twistd.get("syslog") or (file == "-" and not foreground):
        return None
    if file == "-" or (foreground and not file):
        return sys.stdout
    log_file: LineStream = LogFile.fromFullPath(file or "twistd.log")
    return log_file
