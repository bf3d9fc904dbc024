"""
The composition root: makes a running service of the parts, and knows the reactor and the process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from assisted_images import shutdown
from assisted_images.assembly import (
    Outbound,
    Population,
    allow_open_files,
    make_application,
    make_listeners,
    make_tls,
)
from assisted_images.listeners import CannotListen
from assisted_images.logs import JsonLogObserver, LineStream
from assisted_images.memory import MemoryReturn
from assisted_images.options import Options
from assisted_images.renewal import CertificateRenewal
from assisted_images.settings import Settings
from assisted_images.shutdown import Shutdown
from assisted_images.web.connections import Connections
from assisted_images.workers.logs import NumberingObserver
from assisted_images.workers.primary import make_primary

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
    tls = make_tls(settings)
    log = ServiceLog(settings, options.parent or {})
    others: list[Service] = []
    if settings.workers == 1:
        application = make_application(settings, reactor, outbound)
        listeners = make_listeners(settings, application, reactor, tls)
        connections: shutdown.Connections = application.connections
    else:
        primary = make_primary(settings, options.texts, outbound, reactor, tls, log.write)
        application, listeners = primary.application, primary.listeners
        connections = primary.connections
        others.append(primary.team)
    first: list[Service] = [*listeners, Population(application.store)]
    if tls is not None:
        first.append(CertificateRenewal(tls, reactor, application.run_in_thread))
    others.append(MemoryReturn(application.connections, reactor))
    draining = Shutdown(reactor, connections, settings.drain_seconds, first)
    service = ImageService(settings, log, application.connections)
    for part in (outbound, *first, *others, draining):
        part.setServiceParent(service)
    return service


class ServiceLog:
    """
    The service's log: lines of JSON, unless twistd has been told to write it in a way of its own.
    """

    _log = Logger()

    def __init__(self, settings: Settings, twistd: Mapping[str, Any]) -> None:
        """
        @param twistd: twistd's own options.
        """
        self._settings = settings
        self._twistd = twistd
        self._stream: LineStream | None = None

    @property
    def in_foreground(self) -> bool:
        """Whether somebody watches."""
        return bool(self._twistd.get("nodaemon"))

    def begin(self, application: Componentized) -> None:
        """Have an application's log written."""
        self._stream = _log_stream(self._twistd)
        if self._stream is not None:
            # twistd looks for this after it has made the service and before it logs anything.
            observer: ILogObserver = JsonLogObserver(self._stream, self._settings.log_level)
            if self._settings.workers > 1:
                observer = NumberingObserver(observer, 0)
            application.setComponent(ILogObserver, observer)

    def write(self, lines: str) -> None:
        """Write lines that another process of the service has made."""
        if self._stream is None:
            for line in lines.splitlines():
                self._log.info("{line}", line=line)
        else:
            self._stream.write(lines)
            self._stream.flush()


class ImageService(MultiService):
    """Everything that runs, and what is to be done about the process itself."""

    _log = Logger()

    def __init__(self, settings: Settings, log: ServiceLog, connections: Connections) -> None:
        super().__init__()
        self._settings = settings
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


def _log_stream(twistd: Mapping[str, Any]) -> LineStream | None:
    """Where the log goes; C{None}: twistd has been told to write it in a way of its own."""
    file, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if twistd.get("logger") or twistd.get("syslog") or (file == "-" and not foreground):
        return None
    if file == "-" or (foreground and not file):
        return sys.stdout
    log_file: LineStream = LogFile.fromFullPath(file or "twistd.log")
    return log_file
