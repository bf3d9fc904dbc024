"""Remote build nodes: machines that work on jobs."""

from __future__ import annotations

from collections.abc import Callable

from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.request import ServiceRequest
from image_management.jobs.nodes.probes import NodeProbes
from image_management.records.kinds import Kind
from image_management.records.schemas import new_record
from image_management.routes import replies
from image_management.routes.collection import Collection
from image_management.store.store import Store
from image_management.values import time_text

_KIND = Kind.REMOTE_BUILD_NODE


class Nodes(Collection):
    """Which nodes there are."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        """
        @param now: the Unix time.
        """
        super().__init__(_KIND, store)
        self._now = now

    async def create(self, request: ServiceRequest) -> Reply:
        """Add one; one that is there is fine."""
        record = new_record(_KIND, json_body(request), time_text(self._now()))
        return replies.one(await self._store.add(record), 201)

    async def remove_all(self, request: ServiceRequest) -> Reply:
        """Forget all."""
        return await self.remove_those(lambda _: True)


class NodeStatuses:
    """How the nodes are, as each is asked for it."""

    def __init__(self, store: Store, probes: NodeProbes) -> None:
        self._store = store
        self._probes = probes

    async def list(self, request: ServiceRequest) -> Reply:
        """The state of all."""
        records = await self._store.list_records(_KIND)
        statuses = await self._probes.all_of(record.id for record in records)
        return replies.json([status.document() for status in statuses])

    async def read(self, request: ServiceRequest) -> Reply:
        """The state of one."""
        [xname] = request.path_values
        record = await self._store.get(_KIND, xname)
        return replies.json((await self._probes.of(record.id)).document())
