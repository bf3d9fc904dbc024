"""Remote build nodes: machines that work on jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.request import ServiceRequest
from image_management.records.kinds import Kind
from image_management.records.schemas import new_record
from image_management.routes import replies
from image_management.routes.collection import Collection
from image_management.store.store import Store
from image_management.values import time_text

_KIND = Kind.REMOTE_BUILD_NODE
_UNKNOWN = "Unknown"


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


class NodeStatus:
    """What is known of the state of the nodes: nothing, while no job can run on them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, request: ServiceRequest) -> Reply:
        """The state of all."""
        records = await self._store.list_records(_KIND)
        return replies.json([_status_of(record.id) for record in records])

    async def read(self, request: ServiceRequest) -> Reply:
        """The state of one."""
        [xname] = request.path_values
        record = await self._store.get(_KIND, xname)
        return replies.json(_status_of(record.id))


def _status_of(xname: str) -> Mapping[str, Any]:
    return {
        "xname": xname,
        "sshStatus": f"{_UNKNOWN}: no job backend is configured, so that nobody asks the node",
        "podmanStatus": _UNKNOWN,
        "nodeArch": _UNKNOWN,
        "numCurrentJobs": -1,
        "ableToRunJobs": False,
    }
