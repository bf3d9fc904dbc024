"""An object store in memory, for cases that are many: the real one's are fewer, and the same."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from image_management.records.links import Link
from image_management.s3.errors import ObjectChanged, ObjectMissing, ObjectTooLarge
from image_management.s3.objects import ObjectFacts

_VERSIONS = itertools.count()


@dataclass(frozen=True, slots=True)
class Stored:
    """An object."""

    data: bytes
    content_type: str
    metadata: Mapping[str, str]
    salt: str = ""
    """What its etag depends on besides."""
    modified: float = field(default_factory=lambda: float(next(_VERSIONS)))

    @property
    def etag(self) -> str:
        """As S3 has it."""
        return hashlib.md5(self.data + self.salt.encode()).hexdigest()


class MemoryObjects:
    """
    What of an L{ObjectStore<image_management.s3.objects.ObjectStore>} moves need.

    @ivar objects: by their paths.
    @ivar keeps_etags: whether a copy has its source's.
    """

    def __init__(self, *, keeps_etags: bool = True) -> None:
        self.objects: dict[str, Stored] = {}
        self.keeps_etags = keeps_etags

    async def head(self, link: Link) -> ObjectFacts:
        stored = self._get(link, "HEAD of the object")
        return ObjectFacts(
            stored.etag,
            len(stored.data),
            stored.content_type,
            stored.metadata,
            last_modified=stored.modified,
        )

    async def exists(self, link: Link) -> bool:
        return link.path in self.objects

    async def read(self, link: Link, most: int) -> bytes:
        data = self._get(link, "GET of the object").data
        if len(data) > most:
            raise ObjectTooLarge("GET of the object", f"it has more than {most} bytes")
        return data

    async def write(
        self,
        link: Link,
        data: bytes,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        *,
        only_if_absent: bool = False,
    ) -> Link:
        assert not only_if_absent
        stored = self.objects[link.path] = Stored(data, content_type, metadata or {})
        return replace(link, etag=stored.etag)

    async def delete(self, link: Link) -> None:
        self.objects.pop(link.path, None)

    async def delete_with_uploads(self, link: Link) -> None:
        await self.delete(link)

    async def copy(self, source: Link, target: Link, facts: ObjectFacts) -> Link:
        stored = self._get(source, "copy of the object")
        if stored.etag != facts.etag:
            raise ObjectChanged("copy of the object", "412 Precondition Failed")
        salt = stored.salt if self.keeps_etags else f"{stored.salt} {target.path}"
        copy = replace(stored, salt=salt, modified=float(next(_VERSIONS)))
        self.objects[target.path] = copy
        return replace(target, etag=copy.etag)

    def _get(self, link: Link, verb: str) -> Stored:
        try:
            return self.objects[link.path]
        except KeyError:
            raise ObjectMissing(verb, "404 Not Found") from None
