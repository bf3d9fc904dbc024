"""Beds whose objects are in memory."""

from __future__ import annotations

from collections.abc import Mapping

from tests.image_management.images.bed import Bed
from tests.image_management.images.memory import MemoryObjects
from tests.image_management.store.case import OnSqlite


class MemoryBed(OnSqlite, Bed):
    """Records in SQLite, objects in memory."""

    objects: MemoryObjects

    def make_objects(self) -> MemoryObjects:
        return MemoryObjects()

    async def all_objects(self) -> Mapping[str, tuple[bytes, str, Mapping[str, str], str]]:
        return {
            path: (stored.data, stored.content_type, stored.metadata, stored.etag)
            for path, stored in self.objects.objects.items()
        }
