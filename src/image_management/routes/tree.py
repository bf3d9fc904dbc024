"""
The table of routes, and the HTTP server of a listener over it.

Paths without a version and C{/v2} are the same: what is deleted there is gone.  In C{/v3} it can be
brought back.  All are views of the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from httpd.pages.events import Events
from httpd.pages.feed import Feed
from httpd.pages.routes import page_routes
from httpd.web.bearer import Bearer, Guarded
from httpd.web.metrics import MetricsResource
from httpd.web.problems import PROBLEM_JSON
from httpd.web.routes import GET, PROBE, UNNAMED, Route
from httpd.web.site import ServiceSite
from image_management.pages.front import FrontPage, with_slash
from image_management.pages.job import JobPages
from image_management.pages.lists import RecordList
from image_management.records.kinds import LINKED, Kind
from image_management.records.schemas import SCHEMAS
from image_management.routes.application import Application
from image_management.routes.artifacts import ArtifactResource
from image_management.routes.collection import Collection
from image_management.routes.deletion import HardDeletion, SoftDeletion, Undeletion
from image_management.routes.job_logs import JobLog
from image_management.routes.jobs import Jobs
from image_management.routes.nodes import Nodes, NodeStatuses
from image_management.routes.openapi import OpenApi, openapi_document
from image_management.routes.operation import scopes_of, scopes_of_job
from image_management.routes.probes import Probes
from image_management.routes.records import Records
from image_management.routes.row import Answers, row

MOST_BODY_BYTES = 1024 * 1024

_KINDS = (Kind.PUBLIC_KEY, Kind.RECIPE, Kind.IMAGE)
"""Those of which there are two collections: what is there, and what was deleted."""


def route_table(application: Application) -> tuple[Route, ...]:
    """All routes: path, what answers each method, and what the log and the metrics call it."""
    records = (*_records(application), *_deleted(application), *_jobs(application))
    guarded = [*records, *_nodes(application), *_artifacts(application)]
    if application.bearer is not None:
        guarded = [_guarded(route, application.bearer) for route in guarded]
    told_of = (*guarded, *_operations(application))
    table = (*told_of, _document(told_of, application.path_prefix), *_pages(application))
    if not application.path_prefix:
        return table
    below = (
        replace(route, pattern=application.path_prefix + route.pattern, label=route.name)
        for route in table
    )
    if application.overview is None:
        return (*table, *below)
    return (*table, *below, row(application.path_prefix, get=with_slash, label=UNNAMED))


def _guarded(route: Route, bearer: Bearer) -> Route:
    scopes = scopes_of_job if route.pattern.endswith("/jobs/:id") else scopes_of
    return replace(route, resource=Guarded(route.resource, bearer, scopes))


def _records(application: Application) -> Iterator[Route]:
    """Public keys, recipes and images."""
    for base, soft in (("", False), ("/v2", False), ("/v3", True)):
        for kind in _KINDS:
            records = Records(kind, application.store, application.link_checks, application.now)
            deletion = (SoftDeletion if soft else HardDeletion)(records, application.images)
            yield row(
                f"{base}/{kind}",
                get=records.list,
                post=records.create,
                delete=deletion.delete_all,
            )
            yield row(
                f"{base}/{kind}/:id",
                get=records.read,
                patch=None if SCHEMAS[kind].patch is None else records.change,
                delete=deletion.delete,
            )


def _deleted(application: Application) -> Iterator[Route]:
    """What was deleted, and can be brought back."""
    for kind in _KINDS:
        deleted = Collection(kind, application.store, deleted=True)
        undeletion = Undeletion(deleted, application.images)
        deletion = HardDeletion(deleted, application.images)
        yield row(
            f"/v3/deleted/{kind}",
            get=deleted.list,
            patch=undeletion.undelete_all,
            delete=deletion.delete_all,
        )
        yield row(
            f"/v3/deleted/{kind}/:id",
            get=deleted.read,
            patch=undeletion.undelete,
            delete=deletion.delete,
        )


def _jobs(application: Application) -> Iterator[Route]:
    jobs = Jobs(application.store, application.jobs, application.now)
    for base in ("", "/v2", "/v3"):
        yield row(f"{base}/jobs", get=jobs.list, post=jobs.create, delete=jobs.remove_selected)
        yield row(f"{base}/jobs/:id", get=jobs.read, patch=jobs.change, delete=jobs.remove)
    yield row(
        "/v3/jobs/:id/log", get=JobLog(application.store, application.jobs, application.connections)
    )


def _nodes(application: Application) -> Iterator[Route]:
    nodes = Nodes(application.store, application.now)
    status = NodeStatuses(application.store, application.nodes)
    base = f"/v3/{Kind.REMOTE_BUILD_NODE}"
    yield row(base, get=nodes.list, post=nodes.create, delete=nodes.remove_all)
    yield row(f"{base}/:xname", get=nodes.read, delete=nodes.remove)
    yield row(f"{base}/status", get=status.list)
    yield row(f"{base}/status/:xname", get=status.read)


def _artifacts(application: Application) -> Iterator[Route]:
    """What machines boot of."""
    resource = ArtifactResource(
        application.artifacts,
        application.slots,
        application.connections,
        application.client_slots,
    )
    yield row("/v3/images/:id/artifacts/:name", get=resource)


def _operations(application: Application) -> Iterator[Route]:
    """What tells of the service itself, to anybody."""
    probes = Probes(
        application.store,
        application.s3,
        application.slots,
        needs_s3=application.ready_needs_s3,
    )
    yield row("/version", get=probes.version)
    yield row("/healthz/live", get=probes.live, label=UNNAMED, level=PROBE)
    yield row("/healthz/ready", get=probes.ready, label=UNNAMED, level=PROBE)
    metrics = MetricsResource(application.metrics.exposition)
    yield row("/status", get=probes.status, label=UNNAMED)
    yield row("/metrics", get=metrics, label=UNNAMED, level=PROBE)


def _document(table: Iterable[Route], prefix: str) -> Route:
    """What tells of all the others, and of itself."""
    path = "/openapi.json"
    rows = [(route.pattern, route.methods) for route in table]
    document = OpenApi(openapi_document([*rows, (path, GET)], prefix))
    return row(path, get=document.read, label=UNNAMED)


def _pages(application: Application) -> Iterator[Route]:
    """
    What people look at.  A browser that follows a link sends no token: where one is asked for,
    there is only what anybody may know.
    """
    overview, store, connections = application.overview, application.store, application.connections
    if overview is None:
        return
    shell, is_open = application.shell, application.bearer is None
    front = FrontPage(shell, overview, is_open=is_open)
    feed = Feed(front.parts, application.clock, shell.edition)
    first = page_routes(Answers(dict.fromkeys(GET, front.reply)), Events(feed, connections))
    yield from (replace(route, methods=(*GET, b"OPTIONS")) for route in first)
    if not is_open:
        return
    for kind in (Kind.IMAGE, Kind.RECIPE, Kind.JOB):
        listed = RecordList(shell, kind, store, overview.sizes)
        yield row(f"/page/{kind}", get=listed.reply, label=UNNAMED)
    for kind in sorted(LINKED):
        deleted = RecordList(shell, kind, store, overview.sizes, deleted=True)
        yield row(f"/page/deleted/{kind}", get=deleted.reply, label=UNNAMED)
    jobs = JobPages(shell, store, application.jobs, application.clock)
    job_events = Events(jobs.feed, connections)
    yield row("/page/jobs/:id", get=jobs.reply, label=UNNAMED)
    yield row("/page/jobs/:id/events", get=job_events, label=UNNAMED, level=PROBE)


def make_site(application: Application, table: Iterable[Route]) -> ServiceSite:
    """
    The HTTP server of one listener.

    @param table: L{route_table}, which all listeners share.
    """
    site = ServiceSite.of(application, table)
    site.most_body_bytes = MOST_BODY_BYTES
    site.problem_types = (PROBLEM_JSON,)
    return site
