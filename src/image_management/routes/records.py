"""Collections of records that clients make, change and delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.request import ServiceRequest
from image_management.images.links import LinkChecks, link_after
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Document, Record
from image_management.records.schemas import new_record, patched, read_patch
from image_management.routes import replies
from image_management.routes.collection import Collection
from image_management.store.store import Store
from image_management.values import time_text


class Records(Collection):
    """Those that are there; how they are deleted is another matter."""

    def __init__(
        self, kind: Kind, store: Store, checks: LinkChecks, now: Callable[[], float]
    ) -> None:
        """
        @param checks: looks at links before they are set.
        @param now: the Unix time.
        """
        super().__init__(kind, store)
        self._checks = checks
        self._now = now

    async def create(self, request: ServiceRequest) -> Reply:
        """Make one."""
        record = new_record(self.kind, json_body(request), time_text(self._now()))
        if record.link is not None:
            await self._checks.check(self.kind, record.link)
        record = await self._store.add(record)
        request.facts["record"] = record.id
        return replies.one(record, 201)

    async def change(self, request: ServiceRequest) -> Reply:
        """Change some of one, all or nothing."""
        record = await self.known(request)
        change = read_patch(self.kind, json_body(request))
        given = change.get("link")
        link = None if given is None else Link.read(given)
        if link is not None and link_after(record, link) is link:
            await self._checks.check(self.kind, link)
        return replies.one(
            await self._store.change(self.kind, record.id, lambda now: _after(now, change, link))
        )


def _after(record: Record, change: Mapping[str, Any], link: Link | None) -> Document:
    """What becomes of a record, which may have got its link meanwhile."""
    document = patched(record, change)
    return document if link is None else {**document, "link": link_after(record, link).document}
