"""
The composition root: makes a running service of the parts, and knows the reactor and the process.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.logger import Logger
from twisted.python.components import Componentized

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
from assisted_images.logs.service import ServiceLog
from assisted_images.memory import MemoryReturn
from assisted_images.renewal import CertificateRenewal
from assisted_images.settings.options import Options
from assisted_images.settings.settings import Settings
from assisted_images.shutdown import Shutdown
from assisted_images.web.connections import Connections
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
        application = make_application(settings, reactor, outbound, log)
        listeners = make_listeners(settings, application, reactor, tls)
        connections: shutdown.Connections = application.connections
    else:
        primary = make_primary(settings, options.texts, outbound, reactor, tls, log)
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
