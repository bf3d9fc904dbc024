"""
The parts of a running service, put together according to its settings, on a reactor that is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from assisted_images.listeners import Listener
from assisted_images.settings import Settings
from assisted_images.settings.values import HttpServes, TlsVersion
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


def make_application(settings: Settings, reactor: Any, outbound: Outbound) -> Application:
    """What requests are answered with."""
    store = _store(settings, reactor, outbound)
    slots = Slots(settings.max_concurrent_requests)
    connections = Connections(settings.max_connections)
    metrics = Metrics(CollectorRegistry(), slots, store, connections)
    return Application(
        store=store,
        infra_envs=_infra_envs(settings, reactor, outbound, metrics),
        slots=slots,
        connections=connections,
        metrics=metrics,
        clock=reactor,
        run_in_thread=threads_of(reactor),
        allowed_domains=settings.allowed_domains,
        times=Times(
            header_seconds=settings.header_seconds, stall_seconds=settings.client_stall_seconds
        ),
        local_infra_envs=settings.infra_envs_dir is not None,
    )


def _store(settings: Settings, reactor: Any, outbound: Outbound) -> ImageStore:
    run_in_thread = threads_of(reactor)
    return ImageStore(
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


def _infra_envs(
    settings: Settings, reactor: Any, outbound: Outbound, metrics: Metrics
) -> InfraEnvSource:
    """A directory, or assisted-service, whose answers are shared."""
    if settings.infra_envs_dir is not None:
        return LocalInfraEnvs(settings.infra_envs_dir, threads_of(reactor))
    return SharedConfigurations(
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


def make_tls(settings: Settings) -> ServerTls | None:
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


def make_listeners(
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
