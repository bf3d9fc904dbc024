"""
The composition root: makes a running service of the parts, and knows the reactor and the process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.application.service import IService, Service
from twisted.logger import Logger

from assisted_images.assembly import make_application, make_listeners, make_watch
from assisted_images.image_assembly import make_population
from assisted_images.on_demand.settings import make_on_demand_images
from assisted_images.outbound import Outbound
from assisted_images.routes.tree import AllWorkers
from assisted_images.secrets import REDACTION
from assisted_images.settings.options import Options
from assisted_images.settings.settings import Settings
from assisted_images.workers.primary import make_primary
from httpd.http1.connections import Connections
from httpd.listening.passed_sockets import take_passed_sockets
from httpd.listening.places import places_of
from httpd.listening.renewal import CertificateRenewal
from httpd.listening.tls import ServerTls
from httpd.logs.service import ServiceLog
from httpd.process.reactor import process_reactor
from httpd.process.service import HttpService
from httpd.process.shutdown import Drainable
from httpd.process.supervisor import Supervisor

__all__ = ["Options", "makeService"]


def makeService(options: Options, reactor: Any = None) -> IService:
    """
    The whole service, not yet started.

    @param options: the command line, read.
    @param reactor: what everything runs on; by default the process's.
    """
    reactor = reactor or process_reactor()
    # twistd begins the log later, with what has been said until then.
    Logger().info("{version}", version=options.version)
    settings = options.settings
    outbound = Outbound(settings, reactor)
    tls = ServerTls.of(partial(getattr, settings))
    places = places_of(settings, take_passed_sockets(os.environ), tls)
    supervisor = Supervisor.taken(os.environ, reactor, settings.drain_seconds)
    log = service_log(settings, options.parent or {})
    others: list[Service] = []
    if settings.workers == 1:
        application = make_application(settings, reactor, outbound, log)
        metrics = application.metrics
        watch = make_watch(settings, application, metrics.collected)
        overview = None if watch is None else watch.overview
        alone = AllWorkers(metrics.exposition, lambda: True, overview)
        listeners = make_listeners(settings, application, places, reactor, all_workers=alone)
        connections: Drainable = application.connections
    else:
        primary = make_primary(settings, options.texts, outbound, reactor, places, log)
        application, listeners = primary.application, primary.listeners
        connections, watch = primary.connections, primary.watch
        others.append(primary.secondaries)
    if watch is not None:
        others.append(watch)
    on_demand = make_on_demand_images(settings, reactor)
    population = make_population(settings, reactor, outbound, application.store, on_demand)
    first: list[Service] = [*listeners, population]
    if tls is not None:
        application.metrics.watch_certificate(tls.expiry)
        first.append(CertificateRenewal(tls, reactor, application.run_in_thread))
    first.append(supervisor)
    service = ImageService(settings, log, application.connections)
    service.compose(
        reactor, (outbound, on_demand, *first, *others), first, settings.drain_seconds, connections
    )
    return service


def service_log(settings: Settings, twistd: Mapping[str, Any]) -> ServiceLog:
    """
    The log that the settings ask for.

    @param twistd: twistd's own options.
    """
    return ServiceLog(twistd, REDACTION, settings.log_level, 0 if settings.workers > 1 else None)


class ImageService(HttpService):
    """The service; says at its start what is unusual about it."""

    _log = Logger()

    def __init__(self, settings: Settings, log: ServiceLog, connections: Connections) -> None:
        super().__init__(log, connections, settings.warnings)
        self._settings = settings

    def startService(self) -> None:
        """Run, and say what is unusual about it."""
        super().startService()
        settings = self._settings
        signed = settings.url_signing_key_file is not None and settings.signed_urls_only
        if settings.infra_envs_dir is not None and not signed:
            self._log.warn(
                "infra-envs come from {infra_envs_dir}: no credentials are asked for",
                infra_envs_dir=settings.infra_envs_dir,
            )
        if settings.insecure_skip_verify:
            self._log.warn("certificates are not verified when OS images are downloaded")
