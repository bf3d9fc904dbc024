"""The rows of pages in a service's table of routes."""

from __future__ import annotations

from collections.abc import Iterator

from httpd.pages.events import Events
from httpd.pages.files import PAGE_FILES
from httpd.web.resource import Resource
from httpd.web.routes import GET, PROBE, UNNAMED, Route


def page_routes(front: Resource, events: Events, *, on_plain: bool = True) -> Iterator[Route]:
    """
    The front page, its events, and the files of every page.

    @param on_plain: whether a plain listener beside one with TLS has them, where it has not
        everything.
    """
    yield Route("/", GET, front, on_plain, UNNAMED)
    yield Route("/page/events", GET, events, on_plain, UNNAMED, PROBE)
    for name, file in PAGE_FILES.items():
        yield Route(f"/page/{name}", GET, file, on_plain, UNNAMED, PROBE)
