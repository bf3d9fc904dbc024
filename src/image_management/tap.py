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

from httpd.concurrency.threads import threads_of
from httpd.listening.listeners import CannotListen, listeners
from httpd.listening.passed_sockets import take_passed_sockets
from httpd.listening.places import places_of
from httpd.listening.renewal import CertificateRenewal
from httpd.listening.tls import ServerTls
from httpd.logs.service import ServiceLog
from httpd.process.reactor import process_reactor
from httpd.process.service import HttpService
from httpd.process.supervisor import Supervisor
from httpd.web.bearer_keys import IssuerKeyRenewal
from httpd.web.site import ServiceSite
from image_management.assembly import Parts
from image_management.routes.tree import make_site, route_table
from image_management.secrets import REDACTION
from image_management.settings.options import Options
from image_management.settings.settings import Settings
from image_management.store.errors import StoreRefused

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
    log = service_log(settings, options.parent or {})
    tls = ServerTls.of(partial(getattr, settings))
    places = places_of(settings, take_passed_sockets(os.environ), tls)
    supervisor = Supervisor.taken(os.environ, reactor, settings.drain_seconds)
    parts = Parts(settings, reactor, log)
    run_in_thread = threads_of(reactor)
    table = route_table(parts.application)

    def site(*, beside_tls: bool) -> ServiceSite:
        return make_site(parts.application, table)

    first: list[Service] = list(listeners(places, site, reactor))
    if tls is not None:
        parts.application.metrics.watch_certificate(tls.expiry)
        first.append(CertificateRenewal(tls, reactor, run_in_thread))
    if parts.issuer_keys is not None:
        first.append(IssuerKeyRenewal(parts.issuer_keys, reactor, run_in_thread))
    first.append(supervisor)
    service = ManagementService(log, parts.application.connections, settings.warnings)
    service.compose(reactor, (*parts.services, *first), first, settings.drain_seconds)
    return service


def service_log(settings: Settings, twistd: Mapping[str, Any]) -> ServiceLog:
    """
    The log that the settings ask for.

    @param twistd: twistd's own options.
    """
    return ServiceLog(twistd, REDACTION, settings.log_level)


class ManagementService(HttpService):
    """The service."""

    refusals = (CannotListen, StoreRefused)
