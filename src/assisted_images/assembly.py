"""
The parts of a running service, put together according to its settings, on a reactor that is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prometheus_client.core import Metric

from assisted_images.infra_envs.agreement import AgreedConfigurations
from assisted_images.infra_envs.assisted_service import AssistedService
from assisted_images.infra_envs.configurations import InfraEnvSource
from assisted_images.infra_envs.local import MOST_THREADS, PATIENCE_SECONDS, LocalInfraEnvs
from assisted_images.infra_envs.sealing import Seals, read_secret
from assisted_images.infra_envs.shared_places import KeyComparison, SharedPlaces
from assisted_images.infra_envs.sharing import FreshConfigurations, Lender, SharedConfigurations
from assisted_images.outbound import Outbound
from assisted_images.pages.shell import SHELL
from assisted_images.pages.watch import Bounds, Watch
from assisted_images.routes.application import Application
from assisted_images.routes.checksums import MOST_AT_ONCE, Checksums
from assisted_images.routes.customisations import Customisations
from assisted_images.routes.metrics import Metrics
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.routes.tree import AllWorkers, make_site
from assisted_images.settings.readers import HttpServes
from assisted_images.settings.settings import Settings
from assisted_images.store.images import ImageStore
from httpd.concurrency.slots import ClientSlots, OwnSlots, Slots
from httpd.concurrency.threads import own_threads, threads_of
from httpd.concurrency.turns import Turns
from httpd.forwarding import TrustedProxies
from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.listening.listeners import Listener, listeners
from httpd.listening.places import Place
from httpd.logs.requests import RequestLog
from httpd.outbound.redis import Ask, Redis
from httpd.outbound.trust import tls_policy
from httpd.redis_urls import RedisPlace
from httpd.web.disk_room import disk_turns
from httpd.web.site import ServiceSite


@dataclass(frozen=True, slots=True)
class Membership:
    """What one of several workers has in place of what it would have alone."""

    slots: Slots
    connections: Connections
    lender: Lender | None = None
    """Who shares configurations with all of them; C{None}: this one does."""


def make_application(
    settings: Settings,
    reactor: Any,
    outbound: Outbound,
    request_log: RequestLog,
    membership: Membership | None = None,
) -> Application:
    """What requests are answered with."""
    if membership is None:
        membership = Membership(
            OwnSlots(settings.max_concurrent_requests), Connections(settings.max_connections)
        )
    slots, connections, lender = membership.slots, membership.connections, membership.lender
    run_in_thread = threads_of(reactor)
    store = ImageStore(settings.catalog)
    metrics = Metrics(slots, store, connections)
    metrics.watch_disks({"DATA_DIR": settings.data_dir}, disk_turns(reactor))
    infra_envs = _infra_envs(settings, reactor, outbound, metrics, lender)
    return Application(
        store=store,
        infra_envs=infra_envs,
        slots=slots,
        connections=connections,
        metrics=metrics,
        request_log=request_log,
        clock=reactor,
        run_in_thread=run_in_thread,
        customisations=Customisations(run_in_thread),
        checksums=Checksums(own_threads(reactor, MOST_AT_ONCE, "checksums", daemon=True)),
        allowed_domains=settings.allowed_domains,
        times=Times(
            header_seconds=settings.header_seconds, stall_seconds=settings.client_stall_seconds
        ),
        ready_when=settings.ready_when,
        client_slots=_client_slots(settings, slots),
        trusted_proxies=TrustedProxies(settings.trusted_proxies),
        local_infra_envs=infra_envs if isinstance(infra_envs, LocalInfraEnvs) else None,
        shell=replace(SHELL, documentation_url=settings.documentation_url),
        base_url=settings.image_service_base_url,
        signed_urls=_signed_urls(settings),
        signed_urls_only=settings.signed_urls_only,
    )


def _signed_urls(settings: Settings) -> SignedUrls | None:
    key_file = settings.url_signing_key_file
    return None if key_file is None else SignedUrls(read_secret(key_file))


def _client_slots(settings: Settings, slots: Slots) -> ClientSlots | None:
    """What one client may have of the slots; each worker gives it its share of that."""
    most = settings.max_requests_per_client
    return None if most is None else ClientSlots(slots, -(-most // settings.workers))


def _infra_envs(
    settings: Settings,
    reactor: Any,
    outbound: Outbound,
    metrics: Metrics,
    lender: Lender | None,
) -> InfraEnvSource:
    """A directory, or assisted-service, whose answers are shared."""
    if settings.infra_envs_dir is not None:
        threads = own_threads(reactor, MOST_THREADS, "infra-envs", daemon=True)
        turns = Turns(threads, reactor, PATIENCE_SECONDS)
        return LocalInfraEnvs(settings.infra_envs_dir, turns)
    source = AssistedService(
        outbound.assisted_service,
        assisted_service_url(settings),
        reactor,
        settings.assisted_service_seconds,
        metrics.upstream_called,
    )
    seconds, observe = settings.config_share_seconds, metrics.configuration_requested
    if seconds <= 0:
        return source
    if lender is None:
        lender = FreshConfigurations(source, seconds, reactor, observe)
        lender = _agreed(settings, reactor, outbound, metrics, lender)
    return SharedConfigurations(lender, reactor, observe)


def _agreed(
    settings: Settings,
    reactor: Any,
    outbound: Outbound,
    metrics: Metrics,
    lender: Lender,
) -> Lender:
    """What all replicas have in common, where there is a cache for that."""
    place, key_file = settings.config_cache_url, settings.config_cache_key_file
    if place is None or key_file is None:
        return lender
    seals = Seals(read_secret(key_file), assisted_service_url(settings))
    comparison = KeyComparison(seals.commons, seals.fingerprint)
    redis = make_redis(settings, place, reactor, comparison.greet)
    redis.setServiceParent(outbound)
    metrics.watch_cache(lambda: redis.is_there)
    return AgreedConfigurations(
        lender,
        SharedPlaces(redis.ask, reactor),
        seals,
        reactor,
        settings.assisted_service_seconds,
        metrics.configuration_agreed,
    )


def make_redis(
    settings: Settings, place: RedisPlace, reactor: Any, greet: Callable[[Ask], Awaitable[None]]
) -> Redis:
    """The client of the Redis that replicas share; C{greet} is what each connection begins with."""
    return Redis(reactor, place, tls_policy(settings.config_cache_trusted_ca_file), greet)


def make_watch(
    settings: Settings,
    application: Application,
    metrics: Callable[[], Awaitable[Iterable[Metric]]],
    workers: Callable[[], int] = lambda: 1,
) -> Watch | None:
    """
    What looks for the page how everything is; C{None}: there is no page.

    @param metrics: of all workers.
    @param workers: how many there are now.
    """
    if not settings.serve_page:
        return None

    async def numbers() -> Mapping[str, float]:
        return application.metrics.numbers(await metrics())

    bounds = Bounds(settings.workers, settings.cache_bytes)
    return Watch(application.store, application.slots, bounds, application.clock, numbers, workers)


def assisted_service_url(settings: Settings) -> str:
    """Where assisted-service is."""
    return f"{settings.assisted_service_scheme}://{settings.assisted_service_host}"


def make_listeners(
    settings: Settings,
    application: Application,
    places: Sequence[Place],
    sockets: Any,
    all_workers: AllWorkers | None = None,
) -> Iterator[Listener]:
    """
    The listeners over one table of routes; the plain one beside TLS has less of it where that is
    set.

    @param places: where they listen.
    @param sockets: adopts listening sockets: the reactor, unless others listen on them, too.
    @param all_workers: C{None}: there is this process alone.
    """

    def site(*, beside_tls: bool) -> ServiceSite:
        boot_only = beside_tls and settings.http_serves is HttpServes.BOOT
        rest_at = _secure_place(settings, places) if boot_only else None
        return make_site(application, all_workers, rest_at=rest_at)

    return listeners(places, site, sockets)


def _secure_place(settings: Settings, places: Iterable[Place]) -> str:
    """Where the TLS listener is, for people: from outside a port may be another."""
    base_url = settings.image_service_base_url or ""
    if base_url.startswith("https://"):
        return base_url
    port = next(place.port for place in places if place.tls is not None)
    return f"port {port}" if port else "the port with TLS"
