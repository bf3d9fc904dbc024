"""Deleting records, for good or so that they can be brought back, and bringing them back."""

from __future__ import annotations

from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.request import ServiceRequest
from image_management.images.images import Images
from image_management.records.schemas import read_undelete
from image_management.routes import query, replies
from image_management.routes.collection import Collection


class HardDeletion:
    """What is deleted is gone, and where nothing else is said its artifacts with it."""

    def __init__(self, records: Collection, images: Images) -> None:
        self._records = records
        self._images = images

    async def delete(self, request: ServiceRequest) -> Reply:
        """Delete one."""
        record = await self._records.known(request)
        warnings = await self._images.hard_delete(
            record.kind, record.id, deleted=record.deleted, cascade=query.cascade(request)
        )
        return replies.nothing(warnings)

    async def delete_all(self, request: ServiceRequest) -> Reply:
        """Delete all."""
        return replies.nothing(
            await self._images.hard_delete_all(
                self._records.kind,
                deleted=self._records.deleted,
                cascade=query.cascade(request),
            )
        )


class SoftDeletion:
    """What is deleted goes where it can be brought back from."""

    def __init__(self, records: Collection, images: Images) -> None:
        self._records = records
        self._images = images

    async def delete(self, request: ServiceRequest) -> Reply:
        """Delete one."""
        record = await self._records.known(request)
        return replies.nothing(await self._images.soft_delete(record.kind, record.id))

    async def delete_all(self, request: ServiceRequest) -> Reply:
        """Delete all."""
        return replies.nothing(await self._images.soft_delete_all(self._records.kind))


class Undeletion:
    """What was deleted comes back."""

    def __init__(self, deleted: Collection, images: Images) -> None:
        """
        @param deleted: what was deleted.
        """
        self._deleted = deleted
        self._images = images

    async def undelete(self, request: ServiceRequest) -> Reply:
        """Bring one back."""
        record = await self._deleted.known(request)
        read_undelete(json_body(request))
        return replies.nothing(await self._images.undelete(record.kind, record.id))

    async def undelete_all(self, request: ServiceRequest) -> Reply:
        """Bring all back."""
        read_undelete(json_body(request))
        return replies.nothing(await self._images.undelete_all(self._deleted.kind))
