"""The resource tree: which path leads to which resource, on which listener."""

from __future__ import annotations

from twisted.web.resource import Resource

from assisted_images.infra_envs.configurations import CredentialKind
from assisted_images.routes.application import Application
from assisted_images.routes.boot_artifacts import BootArtifacts
from assisted_images.routes.by_path import ImagesByPath
from assisted_images.routes.by_query import Images
from assisted_images.routes.discovery_images import Customisations
from assisted_images.routes.status import Health, Status
from httpd.web.metrics import MetricsResource
from httpd.web.resource import Branch, TextResource
from httpd.web.site import ServiceSite


def make_site(application: Application, *, boot_only: bool = False) -> ServiceSite:
    """
    The HTTP server of one listener.

    @param boot_only: serve only what boots from plain HTTP (C{HTTP_SERVES=boot}).
    """
    return ServiceSite(
        resource_tree(application, boot_only=boot_only),
        application.clock,
        application.metrics,
        application.connections,
        application.times,
        application.request_log,
    )


def resource_tree(application: Application, *, boot_only: bool) -> Resource:
    """All routes of the contract's section 4; with C{boot_only} those of the plain listener."""
    customisations = Customisations(application.run_in_thread)
    root = Branch()
    health = Health(application.store, application.connections, application.complete)
    root.putChild(b"health", health)
    root.putChild(b"live", TextResource("alive"))
    exposition = application.exposition or application.metrics.exposition
    root.putChild(b"metrics", MetricsResource(exposition))
    root.putChild(b"status", Status(application.store, application.slots))
    root.putChild(b"boot-artifacts", BootArtifacts(application))
    root.putChild(b"images", Images(application, customisations, boot_only=boot_only))
    if not boot_only:
        for name, kind in (
            ("byid", CredentialKind.NONE),
            ("byapikey", CredentialKind.API_KEY),
            ("bytoken", CredentialKind.IMAGE_TOKEN),
        ):
            route = f"/{name}/:token"
            root.putChild(name.encode(), ImagesByPath(application, customisations, route, kind))
    return root
