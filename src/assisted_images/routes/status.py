"""C{/health} and C{/status}: what is ready, and why the rest is not (docs/reference/status.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from assisted_images.routes.parameters import Parameters
from assisted_images.settings.readers import ReadyWhen, ready_when
from assisted_images.store.images import ImageStore, OsImage
from httpd.concurrency.slots import Slots
from httpd.http1.connections import Connections
from httpd.representation.negotiation import preferred_type
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource

_JSON = "application/json"
_TEXT = "text/plain"


class Health(Resource):
    """C{/health}: 200 while enough images are ready and the service is not going down."""

    def __init__(
        self,
        store: ImageStore,
        connections: Connections,
        complete: Callable[[], bool],
        ready_when: ReadyWhen,
    ) -> None:
        """
        @param complete: whether the other processes of the service can serve every image, too.
        @param ready_when: how many images are enough where a request does not say.
        """
        self._store = store
        self._connections = connections
        self._complete = complete
        self._ready_when = ready_when

    def answer(self, request: ServiceRequest) -> None:
        """Say how many images are ready."""
        text = Parameters.of(request).parameter("when")
        try:
            when = self._ready_when if text is None else ready_when(text)
        except ValueError as error:
            request.refuse(Problem(400, f"invalid value for parameter 'when': {error}"))
            return
        if self._connections.draining:
            healthy, text = False, "shutting down"
        else:
            healthy, text = self._readiness(when)
        request.setResponseCode(200 if healthy else 503)
        request.finish_with(f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _readiness(self, when: ReadyWhen) -> tuple[bool, str]:
        images = self._store.images
        ready = sum(image.ready is not None for image in images)
        text = f"{ready} of {len(images)} images are ready"
        if when is ReadyWhen.ANY:
            return ready > 0, text
        if self._store.ready and not self._complete():
            return False, "the images are ready, but not every worker is"
        return self._store.ready, text


class Status(Resource):
    """C{/status}: each image's state, as JSON or as a short text for a terminal."""

    def __init__(self, store: ImageStore, slots: Slots) -> None:
        self._store = store
        self._slots = slots

    def answer(self, request: ServiceRequest) -> None:
        """Answer in the form that the client likes best."""
        request.setHeader("vary", "Accept")
        images = list(map(_described, self._store.images))
        downloads = {"in_flight": self._slots.in_use, "waiting": self._slots.waiting}
        if preferred_type(request.getHeader("accept"), (_JSON, _TEXT)) == _TEXT:
            last = "downloads: {in_flight}, waiting: {waiting}\n".format(**downloads)
            text = "\n".join([*map(_line, images), last])
            request.finish_with(text.encode(), "text/plain; charset=utf-8")
        else:
            document = {"images": images, "downloads": downloads}
            request.finish_with(json.dumps(document, indent=1).encode() + b"\n", _JSON)


def _described(image: OsImage) -> dict[str, Any]:
    entry = image.entry
    return {
        "version": entry.version,
        "openshift_version": entry.openshift_version,
        "rhcos_version": image.rhcos_version,
        "arch": entry.architecture.value,
        "type": entry.image_type.value,
        "state": image.state.value,
        "bytes": image.bytes_here,
        "total": image.total,
        "reason": image.reason or image.missing,
        "next_try": image.next_try,
        "on_demand": _on_demand(image),
    }


def _on_demand(image: OsImage) -> dict[str, Any] | None:
    """What is known of an image that is fetched on demand."""
    file = image.on_demand
    if file is None:
        return None
    return {
        "hits": file.hits,
        "misses": file.misses,
        "bytes_fetched": file.fetching.fetched,
        "readers_waiting": file.fetching.waiting,
        "evicted_blocks": file.held.evicted,
        "trouble": file.fetching.trouble,
    }


def _line(image: dict[str, Any]) -> str:
    total = image["total"] or "?"
    reason = f": {image['reason']}" if image["reason"] else ""
    if isinstance(image["next_try"], float):
        reason += f"; next try at {datetime.fromtimestamp(image['next_try'], UTC):%H:%M:%S} UTC"
    return (
        f"{image['version']} {image['arch']} {image['type']} {image['state']}"
        f" {image['bytes']}/{total} bytes{reason}"
    )
