"""What S3 is asked to do for a plan: copies, and deletions, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from twisted.logger import Logger

from httpd.concurrency.slots import OwnSlots
from image_management.images.leases import Leases
from image_management.images.manifests import (
    CONTENT_TYPE,
    BadManifest,
    manifest_bytes,
    outdated,
    read_manifest,
    with_etags,
)
from image_management.images.plans import Move, Plan
from image_management.images.several import each_of
from image_management.records.links import Link
from image_management.s3.errors import ObjectMissing, ObjectRefused, ObjectTooLarge
from image_management.s3.objects import ObjectStore

CHANGES_AT_A_TIME = 8
"""Objects that all operations together have S3 copy or delete."""

_T = TypeVar("_T")
_R = TypeVar("_R")


class Transfers:
    """
    Copies and deletes objects, as long as the operation that it is for is this process's.

    Each raises L{S3Error<image_management.s3.errors.S3Error>}, and
    L{StoreUnavailable<image_management.store.errors.StoreUnavailable>} when nobody knows whose the
    operation is.  Doing any of it again is fine.
    """

    _log = Logger()

    def __init__(self, objects: ObjectStore, leases: Leases) -> None:
        self._objects = objects
        self._leases = leases
        self._slots = OwnSlots(CHANGES_AT_A_TIME)

    async def copy(self, plan: Plan, *, resumed: bool) -> Link | None:
        """
        Make all that a plan has for a target.

        @param resumed: some of it may be there already.
        @return: the link that the record gets; C{None}: it keeps its own.
        """
        if plan.link is None:
            return None
        own = plan.manifest_move
        others = [move for move in plan.moves if move != own]
        copied = await self._each(others, partial(self._copy, resumed=resumed))
        links = {link.path: link for link in copied}
        if plan.manifest is not None:
            return await self._write(plan.link, with_etags(plan.manifest, links))
        if own is not None:
            return await self._bring_home(own, links)
        return links[plan.link.path]

    async def remove(self, links: Iterable[Link]) -> None:
        """Delete objects; one that is gone is fine."""
        await self._each(links, self._objects.delete)

    async def remove_copies(self, links: Iterable[Link]) -> None:
        """Delete what was made of a plan's targets, as far as it came."""
        await self._each(links, self._objects.delete_with_uploads)

    async def remove_sources(self, moves: Sequence[Move]) -> None:
        """Delete what was copied, unless something else is there by now."""
        await self._each(moves, self._remove_source)

    async def _copy(self, move: Move, *, resumed: bool) -> Link:
        if resumed and await self._is_there(move):
            return replace(move.target, etag=move.facts.etag)
        return await self._objects.copy(move.source, move.target, move.facts)

    async def _is_there(self, move: Move) -> bool:
        try:
            facts = await self._objects.head(move.target)
        except ObjectMissing:
            return False
        return (facts.etag, facts.size) == (move.facts.etag, move.facts.size)

    async def _bring_home(self, own: Move, links: Mapping[str, Link]) -> Link:
        """Move an image's manifest, and have it name the etags that its artifacts have now."""
        try:
            manifest = read_manifest(await self._objects.read(own.source, own.facts.size))
        except (BadManifest, ObjectTooLarge):
            manifest = None
        if manifest is None or not outdated(manifest, links):
            return await self._copy(own, resumed=False)
        facts = own.facts
        document = with_etags(manifest.document, links)
        return await self._write(own.target, document, facts.content_type, facts.metadata)

    async def _write(
        self,
        link: Link,
        document: Mapping[str, object],
        content_type: str = CONTENT_TYPE,
        metadata: Mapping[str, str] | None = None,
    ) -> Link:
        self._leases.check()
        return await self._objects.write(link, manifest_bytes(document), content_type, metadata)

    async def _remove_source(self, move: Move) -> None:
        try:
            facts = await self._objects.head(move.source)
        except ObjectRefused:
            pass  # it may be another's, whom alone S3 shows it to; it may be deleted all the same
        except ObjectMissing:
            return
        else:
            if (facts.etag, facts.last_modified) != (move.facts.etag, move.facts.last_modified):
                self._log.warn(
                    "{path} has been written anew since it was copied, and stays",
                    path=move.source.path,
                )
                return
        await self._objects.delete(move.source)

    async def _each(self, things: Iterable[_T], change: Callable[[_T], Awaitable[_R]]) -> list[_R]:
        async def one(thing: _T) -> _R:
            async with self._slots:
                self._leases.check()
                return await change(thing)

        return await each_of(things, one)
