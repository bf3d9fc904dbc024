"""The table of routes, and the HTTP server of a listener over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from assisted_images.routes.application import Application
from assisted_images.routes.boot_artifacts import boot_artifact
from assisted_images.routes.by_path import by_api_key, by_id, by_token
from assisted_images.routes.by_query import addrsize, image, initrd, ipxe_script
from assisted_images.routes.download import Download
from assisted_images.routes.status import Health, Status
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


def route_table(
    application: Application, all_workers: AllWorkers | None = None
) -> tuple[Route, ...]:
    """
    All routes (docs/reference/http-api.md, "Routes"): path, methods, what answers, on which
    listeners, and what the log and the metrics call it, if not by its path; and whether it is a
    probe's.

    @param all_workers: C{None}: there is this process alone.
    """
    exposition, complete = all_workers or (application.metrics.exposition, lambda: True)
    health = Health(application.store, application.connections, complete, application.ready_when)
    status = Status(application.store, application.slots)
    made = partial(Download, application)
    # A host needs no credentials to boot only where there is no assisted-service.
    scripts = (Route("/images/:imageID/ipxe-script", GET, made(ipxe_script), BOTH),)
    return (
        Route("/byid/:id/:version/:arch/:file", GET, made(by_id), TLS, "/byid/:token"),
        Route(
            "/byapikey/:jwt/:version/:arch/:file", GET, made(by_api_key), TLS, "/byapikey/:token"
        ),
        Route("/bytoken/:jwt/:version/:arch/:file", GET, made(by_token), TLS, "/bytoken/:token"),
        Route("/images/:imageID", GET, made(image), TLS),
        Route("/images/:imageID/pxe-initrd", GET, made(initrd), BOTH),
        Route("/images/:imageID/s390x-initrd-addrsize", GET, made(addrsize), TLS),
        *(scripts if application.local_infra_envs else ()),
        Route("/boot-artifacts/:artifact", GET, made(boot_artifact), BOTH),
        Route("/health", GET, health, BOTH, UNNAMED, PROBE),
        Route("/live", GET, TextResource("alive"), BOTH, UNNAMED, PROBE),
        Route("/metrics", GET, MetricsResource(exposition), BOTH, UNNAMED, PROBE),
        Route("/status", GET, status, BOTH, UNNAMED),
    )


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
