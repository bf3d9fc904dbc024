"""Collections of records: how they are read, and forgotten."""

from __future__ import annotations

from collections.abc import Callable

from httpd.web.answered import Reply
from httpd.web.request import ServiceRequest
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.routes import query, replies
from image_management.store.errors import NotFound
from image_management.store.store import Store


class Collection:
    """The records of a kind, either those that are there or those that were deleted."""

    def __init__(self, kind: Kind, store: Store, *, deleted: bool = False) -> None:
        """
        @param deleted: whether it is those that were deleted.
        """
        self.kind = kind
        self._store = store
        self.deleted = deleted

    async def list(self, request: ServiceRequest) -> Reply:
        """All of them, in order of creation, or those that the query says."""
        body = await self._store.list_body(
            self.kind,
            deleted=self.deleted,
            filters=query.filters(request, self.kind),
            **query.page(request),
        )
        return Reply(body)

    async def read(self, request: ServiceRequest) -> Reply:
        """One of them."""
        return replies.one(await self.known(request))

    async def known(self, request: ServiceRequest) -> Record:
        """
        The record that a request is about: before its body is looked at.

        @raise NotFound: it is not there.
        """
        [id] = request.path_values
        record = await self._store.get(self.kind, id, deleted=self.deleted)
        request.facts["record"] = record.id
        return record

    async def remove(self, request: ServiceRequest) -> Reply:
        """Forget one of them."""
        record = await self.known(request)
        await self._store.remove(self.kind, record.id, deleted=self.deleted)
        return replies.nothing()

    async def remove_those(self, are_meant: Callable[[Record], bool]) -> Reply:
        """Forget some of them."""
        for record in await self._store.list_records(self.kind, deleted=self.deleted):
            if are_meant(record):
                try:
                    await self._store.remove(self.kind, record.id, deleted=self.deleted)
                except NotFound:
                    continue  # somebody else was faster
        return replies.nothing()
