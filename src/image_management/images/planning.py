"""
Plans: what is to be moved or deleted for a record, found out by looking at S3, which stays as it
is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from twisted.logger import Logger

from httpd.web.problems import Problem
from image_management.images.manifests import (
    MANIFEST_TYPE,
    Artifact,
    BadManifest,
    Manifest,
    deleted_manifest,
    deleted_manifest_key,
    read_manifest,
)
from image_management.images.plans import Move, Plan
from image_management.images.several import each_of
from image_management.records.kinds import Kind
from image_management.records.links import BadLink, Link
from image_management.records.record import Record
from image_management.s3.errors import ObjectMissing, ObjectRefused, ObjectTooLarge
from image_management.s3.objects import ObjectFacts, ObjectStore
from image_management.store.journal import Action


class _NoManifest(Exception):
    """Nothing names the artifacts; the text says why."""


class Planner:
    """
    Makes plans.

    Each raises L{Problem} for what cannot be done: an object would be overwritten (409), or one is
    not there that has to be (422); and
    L{S3Unavailable<image_management.s3.errors.S3Unavailable>}.
    """

    _log = Logger()

    def __init__(
        self,
        objects: ObjectStore,
        boot_images_bucket: str,
        longest_manifest: int,
        now: Callable[[], float],
    ) -> None:
        """
        @param boot_images_bucket: gets the manifests that name what was moved.
        @param longest_manifest: in bytes.
        @param now: the time of day, in seconds since the epoch.
        """
        self._objects = objects
        self._bucket = boot_images_bucket
        self._longest_manifest = longest_manifest
        self._now = now

    async def plan(self, action: Action, record: Record, ours: Collection[str] = ()) -> Plan:
        """
        Plan an operation.

        @param ours: paths at which an earlier try of the same may have left something: that is no
            obstacle.
        """
        match action:
            case Action.SOFT_DELETE:
                plan = await self._soft_delete(record)
            case Action.UNDELETE:
                plan = await self._undelete(record)
            case Action.HARD_DELETE:
                return await self._hard_delete(record)
        await each_of(
            (target for target in plan.targets if target.path not in ours), self._refuse_overwriting
        )
        return plan

    # --- soft delete

    async def _soft_delete(self, record: Record) -> Plan:
        try:
            link = record.link
        except BadLink as error:  # what was imported may be anything
            return Plan(warnings=(f"nothing was moved: the record's link is no good: {error}",))
        if link is None:
            return Plan()
        if record.kind is Kind.IMAGE:
            return await self._soft_delete_image(record.id, link)
        moves = await self._moves([link], Link.deleted)
        if not moves:
            return Plan(warnings=(f"nothing was moved: there is no object {link.path}",))
        return Plan(moves=moves, link=link.deleted())

    async def _soft_delete_image(self, id: str, link: Link) -> Plan:
        try:
            manifest = await self._manifest(link)
        except _NoManifest as error:
            return Plan(warnings=(f"no artifact was moved: {error}",))
        own = Artifact(MANIFEST_TYPE, link, {"type": MANIFEST_TYPE})
        artifacts = [*manifest.artifacts, own]
        moves = await self._moves((one.link for one in artifacts), Link.deleted)
        there = {move.source.path for move in moves}
        if link.path not in there:
            return Plan(warnings=(f"no artifact was moved: there is no manifest {link.path}",))
        entries = [one.moved_to(one.link.deleted()) for one in artifacts if one.link.path in there]
        return Plan(
            moves=moves,
            link=Link(self._bucket, deleted_manifest_key(id)),
            manifest=deleted_manifest(entries, self._now()),
            warnings=self._left_out(link, manifest),
        )

    # --- undelete

    async def _undelete(self, record: Record) -> Plan:
        try:
            link = record.link
        except BadLink:
            return Plan()  # it has not been moved
        if link is None or not link.is_deleted:
            return Plan()
        if record.kind is not Kind.IMAGE:
            return Plan(moves=await self._way_home([link]), link=link.restored())
        try:
            manifest = await self._manifest(link)
        except _NoManifest as error:
            raise Problem(422, f"the image cannot come back: {error}") from None
        own = [one.link for one in manifest.artifacts if one.type == MANIFEST_TYPE]
        if not own or not own[0].is_deleted:
            raise Problem(
                422,
                f"the image cannot come back: {link.path} names nothing of the type"
                f" {MANIFEST_TYPE} below deleted/",
            )
        moved = [one.link for one in manifest.artifacts if one.link.is_deleted]
        moves = await self._way_home(moved)
        return Plan(
            moves=moves,
            link=own[0].restored(),
            manifest_move=next(move for move in moves if move.source.path == own[0].path),
            last=(link,),
            warnings=self._left_out(link, manifest),
        )

    async def _way_home(self, links: Iterable[Link]) -> tuple[Move, ...]:
        """Moves of all; each has to be there."""
        links = list(links)
        moves = await self._moves(links, Link.restored)
        there = {move.source.path for move in moves}
        gone = sorted({link.path for link in links} - there)
        if gone:
            raise Problem(422, f"it cannot come back without what is gone: {', '.join(gone)}")
        return moves

    # --- hard delete

    async def _hard_delete(self, record: Record) -> Plan:
        try:
            link = record.link
        except BadLink as error:
            return Plan(warnings=(f"nothing was deleted in S3: the link is no good: {error}",))
        if link is None:
            return Plan()
        if record.deleted and not link.is_deleted:
            # It has not been moved, so by now it may be another record's.
            return Plan(warnings=(f"{link.path} was not deleted: it is not below deleted/",))
        if record.kind is not Kind.IMAGE:
            return Plan(last=(link,))
        try:
            manifest = await self._manifest(link)
        except _NoManifest as error:
            return Plan(warnings=(f"no artifact was deleted: {error}",))
        artifacts = {one.link.path: one.link for one in manifest.artifacts}
        artifacts.pop(link.path, None)
        return Plan(
            deletions=tuple(artifacts.values()),
            last=(link,),
            warnings=self._left_out(link, manifest),
        )

    # --- S3

    async def _manifest(self, link: Link) -> Manifest:
        try:
            return read_manifest(await self._objects.read(link, self._longest_manifest))
        except ObjectMissing:
            raise _NoManifest(f"there is no manifest {link.path}") from None
        except ObjectTooLarge:
            raise _NoManifest(
                f"the manifest {link.path} has more than {self._longest_manifest} bytes"
            ) from None
        except BadManifest as error:
            raise _NoManifest(f"the manifest {link.path} cannot be read: {error}") from None

    async def _moves(
        self, links: Iterable[Link], target: Callable[[Link], Link]
    ) -> tuple[Move, ...]:
        """Moves of those that are there, each once."""
        once = list({link.path: link for link in links}.values())
        facts = await each_of(once, self._facts)
        return tuple(
            Move(link, target(link), its)
            for link, its in zip(once, facts, strict=True)
            if its is not None
        )

    async def _facts(self, link: Link) -> ObjectFacts | None:
        """What there is to be moved; C{None}: nothing."""
        try:
            return await self._objects.head(link)
        except ObjectMissing as error:
            self._log.warn("{path} is taken as gone: {error}", path=link.path, error=str(error))
            return None

    async def _refuse_overwriting(self, target: Link) -> None:
        try:
            there = await self._objects.exists(target)
        except ObjectRefused:
            return  # as S3 says of what is not there, where the bucket may not be listed
        if there:
            raise Problem(409, f"{target.path} is there already and would be overwritten")

    def _left_out(self, link: Link, manifest: Manifest) -> tuple[str, ...]:
        return tuple(
            f"{link.path} names something that cannot be found: {problem}"
            for problem in manifest.problems
        )
