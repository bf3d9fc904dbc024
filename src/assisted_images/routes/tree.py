"""The table of routes, and the HTTP server of a listener over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from assisted_images.pages.front import FrontPage
from assisted_images.pages.infra_envs import InfraEnvList, InfraEnvPage
from assisted_images.pages.overview import Overview
from assisted_images.routes.application import Application
from assisted_images.routes.boot_artifacts import boot_artifact
from assisted_images.routes.by_path import by_api_key, by_id, by_token
from assisted_images.routes.by_query import addrsize, image, initrd, ipxe_script
from assisted_images.routes.by_signature import BOOT_FILES, by_signature
from assisted_images.routes.checksums import ENDING
from assisted_images.routes.download import ChecksumOfDownload, Download, Wanted
from assisted_images.routes.parameters import Read
from assisted_images.routes.status import Health, Status
from httpd.pages.events import Events
from httpd.pages.feed import Feed
from httpd.pages.routes import page_routes
from httpd.web.metrics import MetricsResource
from httpd.web.resource import Refusal, TextResource
from httpd.web.routes import GET, PROBE, UNNAMED, Route
from httpd.web.site import ServiceSite

BOTH, TLS = True, False
"""Which listeners have a route where the plain one serves only what boots."""


class AllWorkers(NamedTuple):
    """What several processes that serve as one have to say together."""

    exposition: Callable[[], Awaitable[bytes]]
    """Makes the text of C{/metrics}."""

    complete: Callable[[], bool]
    """Whether each of them can serve every image."""

    overview: Callable[[], Awaitable[Overview]] | None = None
    """Says how everything is, for the page; C{None}: there is none (C{SERVE_PAGE})."""


def route_table(
    application: Application, all_workers: AllWorkers | None = None
) -> tuple[Route, ...]:
    """
    All routes (docs/reference/http-api.md, "Routes"): path, methods, what answers, on which
    listeners, and what the log and the metrics call it, if not by its path; and whether it is a
    probe's.

    @param all_workers: C{None}: there is this process alone.
    """
    if all_workers is None:
        all_workers = AllWorkers(application.metrics.exposition, lambda: True)
    exposition, complete, overview = all_workers
    health = Health(application.store, application.connections, complete, application.ready_when)
    status = Status(application.store, application.slots)
    return (
        *_configured(application),
        *_download_rows(application, "/boot-artifacts/:artifact", boot_artifact, BOTH),
        Route("/health", GET, health, BOTH, UNNAMED, PROBE),
        Route("/live", GET, TextResource("alive"), BOTH, UNNAMED, PROBE),
        Route("/metrics", GET, MetricsResource(exposition), BOTH, UNNAMED, PROBE),
        Route("/status", GET, status, BOTH, UNNAMED),
        *(_pages(application, overview) if overview is not None else ()),
    )


def _configured(application: Application) -> Iterator[Route]:
    """Those of whatever has a configuration in it, of which some may be signed URLs."""
    rows = partial(_download_rows, application)
    unsigned = [
        *_path_rows(application, "/byid/:id", by_id, "/byid/:token"),
        *_path_rows(application, "/byapikey/:jwt", by_api_key, "/byapikey/:token"),
        *_path_rows(application, "/bytoken/:jwt", by_token, "/bytoken/:token"),
        *rows("/images/:imageID", image, TLS),
        *rows("/images/:imageID/pxe-initrd", initrd, BOTH),
        *rows("/images/:imageID/s390x-initrd-addrsize", addrsize, TLS),
    ]
    if application.local_infra_envs:
        # A host needs no credentials to boot only where there is no assisted-service.
        unsigned += rows("/images/:imageID/ipxe-script", ipxe_script, BOTH)
    urls = application.signed_urls
    if urls is None:
        yield from unsigned
        return
    for route in unsigned:
        yield replace(route, resource=_UNSIGNED) if application.signed_urls_only else route
    label = "/bysig/:signature"
    yield from _path_rows(application, f"{label}/:id", partial(by_signature, urls, ()), label)
    for file, on_plain in BOOT_FILES.items():
        read = partial(by_signature, urls, (file,))
        for place in (_ANY_HOST, _ONE_HOST):
            yield from rows(f"{label}/:id{place}/{file}", read, on_plain, f"{label}/{file}")


_ANY_HOST = "/:version/:arch"
_ONE_HOST = "/:version/:arch/:host"
"""What a path has behind an infra-env."""


def _path_rows(
    application: Application, start: str, read: Read[Wanted], label: str
) -> Iterator[Route]:
    """Those of discovery images by path, for all hosts and for one."""
    for place in (_ANY_HOST, _ONE_HOST):
        yield from _download_rows(application, f"{start}{place}/:file", read, TLS, label)


_UNSIGNED = Refusal(
    403,
    "this is served by signed URLs only, which begin with /bysig/; assisted-images sign makes them"
    " (SIGNED_URLS_ONLY=false serves it here, too)",
)


def _download_rows(
    application: Application,
    pattern: str,
    read: Read[Wanted],
    on_plain: bool,
    label: str | None = None,
) -> tuple[Route, Route]:
    """
    Two rows: a download, and its checksum.

    @param read: reads what requests ask for.
    @param label: what the log and the metrics call it, if not by its path.
    """
    name = label or pattern
    beside = ChecksumOfDownload(application, read)
    return (
        Route(pattern, GET, Download(application, read), on_plain, name),
        Route(pattern + ENDING, GET, beside, on_plain, name + ENDING),
    )


def _pages(
    application: Application, overview: Callable[[], Awaitable[Overview]]
) -> Iterator[Route]:
    """
    What people look at.  Anybody may, so where images are for those alone who have signed URLs the
    infra-envs have no pages.
    """
    shell, connections = application.shell, application.connections
    infra_envs = application.local_infra_envs
    if application.signed_urls is not None and application.signed_urls_only:
        infra_envs = None
    front = FrontPage(shell, overview, infra_envs)
    feed = Feed(front.parts, application.clock, shell.edition)
    yield from page_routes(front, Events(feed, connections), on_plain=TLS)
    if infra_envs is not None:
        one = InfraEnvPage(shell, infra_envs, application.store, application.base_url)
        yield Route("/infra-envs", GET, InfraEnvList(shell, infra_envs), TLS, UNNAMED)
        yield Route("/infra-envs/:imageID", GET, one, TLS, UNNAMED)


def make_site(
    application: Application, all_workers: AllWorkers | None = None, *, rest_at: str | None = None
) -> ServiceSite:
    """
    The HTTP server of one listener.

    @param all_workers: C{None}: there is this process alone.
    @param rest_at: serve only what boots from plain HTTP (C{HTTP_SERVES=boot}), and say that the
        rest is there; C{None}: serve everything.
    """
    table = route_table(application, all_workers)
    if rest_at is not None:
        elsewhere = Refusal(
            404,
            f"over plain HTTP this is not served here; it is over HTTPS, at {rest_at}"
            " (HTTP_SERVES=all serves it here, too)",
        )
        table = tuple(
            route if route.on_plain else replace(route, resource=elsewhere) for route in table
        )
    return ServiceSite.of(application, table)
