"""
The composition root: what makes a running service of the parts, and the one place that knows the
reactor and the process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile

from assisted_images.listeners import CannotListen, Listener
from assisted_images.logs import JsonLogObserver, LineStream
from assisted_images.open_files import OTHER_FILES, raise_open_file_limit
from assisted_images.options import Options
from assisted_images.renewal import CertificateRenewal
from assisted_images.settings import Settings
from assisted_images.settings.values import HttpServes, TlsVersion
from assisted_images.shutdown import Shutdown
from assisted_images.sources.assisted_service import AssistedService
from assisted_images.sources.downloads import Downloader
from assisted_images.sources.infra_envs import InfraEnvSource
from assisted_images.sources.local import LocalInfraEnvs
from assisted_images.sources.outbound import OutboundAgent
from assisted_images.sources.proxies import Proxies
from assisted_images.sources.sharing import SharedConfigurations
from assisted_images.sources.trust import tls_policy
from assisted_images.store.checks import Limits
from assisted_images.store.images import ImageStore
from assisted_images.store.populate import Workshop
from assisted_images.streaming.slots import Slots
from assisted_images.streaming.threads import threads_of
from assisted_images.tls import ServerTls, TlsFiles
from assisted_images.web.application import Application
from assisted_images.web.channel import Times
from assisted_images.web.connections import Connections
from assisted_images.web.metrics import Metrics
from assisted_images.web.tree import make_site

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
    application = _application(settings, reactor, outbound)
    tls = _tls(settings)
    first: list[Service] = [
        *_listeners(settings, application, reactor, tls),
        Population(application.store),
    ]
    if tls is not None:
        first.append(CertificateRenewal(tls, reactor, application.run_in_thread))
    shutdown = Shutdown(reactor, application.connections, settings.drain_seconds, first)
    service = ImageService(settings, options.parent or {}, application.connections)
    for part in (outbound, *first, shutdown):
        part.setServiceParent(service)
    return service


def _application(settings: Settings, reactor: Any, outbound: Outbound) -> Application:
    run_in_thread = threads_of(reactor)
    store = ImageStore(
        settings.catalog,
        Workshop(
            data_dir=settings.data_dir,
            downloader=Downloader(
                agent=outbound.downloads,
                clock=reactor,
                run_in_thread=run_in_thread,
                headers=settings.os_images_request_headers,
                parameters=settings.os_images_request_query_params,
                stall_seconds=settings.download_stall_seconds,
            ),
            clock=reactor,
            run_in_thread=run_in_thread,
            limits=Limits(settings.min_kernel_bytes, settings.min_rootfs_bytes),
            base_url=settings.image_service_base_url,
            first_delay=settings.download_retry_seconds,
        ),
    )
    slots = Slots(settings.max_concurrent_requests)
    connections = Connections(settings.max_connections)
    metrics = Metrics(CollectorRegistry(), slots, store, connections)
    infra_envs: InfraEnvSource
    if settings.infra_envs_dir is not None:
        infra_envs = LocalInfraEnvs(settings.infra_envs_dir, run_in_thread)
    else:
        infra_envs = SharedConfigurations(
            AssistedService(
                outbound.assisted_service,
                f"{settings.assisted_service_scheme}://{settings.assisted_service_host}",
                reactor,
                settings.assisted_service_seconds,
                metrics.upstream_called,
            ),
            settings.config_share_seconds,
            reactor,
            metrics.configuration_requested,
        )
    return Application(
        store=store,
        infra_envs=infra_envs,
        slots=slots,
        connections=connections,
        metrics=metrics,
        clock=reactor,
        run_in_thread=run_in_thread,
        allowed_domains=settings.allowed_domains,
        times=Times(
            header_seconds=settings.header_seconds, stall_seconds=settings.client_stall_seconds
        ),
        local_infra_envs=settings.infra_envs_dir is not None,
    )


def _tls(settings: Settings) -> ServerTls | None:
    """The TLS of the one listener that has it; C{None} where there is no certificate."""
    if settings.https_key_file is None or settings.https_cert_file is None:
        return None
    return ServerTls(
        TlsFiles(
            settings.https_key_file,
            settings.https_cert_file,
            only_tls13=settings.tls_min_version is TlsVersion.TLS13,
            suites=settings.tls_cipher_suites,
        )
    )


def _listeners(
    settings: Settings, application: Application, reactor: Any, tls: ServerTls | None
) -> Iterator[Listener]:
    """The TLS listener and the plain one besides; without certificate a plain one alone."""

    def listener(port: int, tls: ServerTls | None, *, boot_only: bool = False) -> Listener:
        site = make_site(application, boot_only=boot_only)
        return Listener(reactor, reactor, port, site, tls)

    plain = settings.http_listen_port
    if tls is not None:
        yield listener(settings.listen_port, tls)
        if plain is not None:
            yield listener(plain, None, boot_only=settings.http_serves is HttpServes.BOOT)
    else:
        yield listener(settings.listen_port if plain is None else plain, None)


class Outbound(Service):
    """The clients of other servers; closes their idle connections at the end."""

    def __init__(self, settings: Settings, reactor: Any) -> None:
        proxies = Proxies.of(settings.http_proxy, settings.https_proxy, settings.no_proxy)
        self.downloads = OutboundAgent(
            reactor,
            tls_policy(
                settings.os_image_download_trusted_ca_file,
                verify=not settings.insecure_skip_verify,
            ),
            proxies,
        )
        self.assisted_service = OutboundAgent(
            reactor, tls_policy(settings.assisted_service_api_trusted_ca_file), proxies
        )

    def stopService(self) -> Deferred[Any]:
        """Close what is idle; fires when it is closed."""
        Service.stopService(self)
        return gatherResults([self.downloads.close(), self.assisted_service.close()])


class Population(Service):
    """Brings the images to where they can be served, from start to stop."""

    _log = Logger()
    _running: Deferred[None] | None = None

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def startService(self) -> None:
        """Begin; nothing waits for it."""
        Service.startService(self)
        self._running = Deferred.fromCoroutine(self._store.populate())
        self._running.addErrback(self._failed)

    def stopService(self) -> Deferred[None] | None:
        """Give up what is not done yet; fires when that is so."""
        Service.stopService(self)
        if self._running is not None:
            self._running.cancel()
        return self._running

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("OS images cannot be prepared", failure)


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
