"""
What the routes ask for: soft delete, undelete and hard delete, of one record or a whole collection,
and what an image's link leads to.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from httpd.web.problems import Problem
from image_management.images.leases import Leases
from image_management.images.links import LinkChecks
from image_management.images.moves import Moves
from image_management.images.operations import Operations
from image_management.images.planning import Planner
from image_management.images.transfers import Transfers
from image_management.records.kinds import LINKED, Kind
from image_management.records.record import Document, Record, deleted_document, live_document
from image_management.s3.errors import S3Error, S3Unavailable
from image_management.s3.objects import ObjectStore
from image_management.store.errors import Busy, LinkInUse, NotFound
from image_management.store.journal import Action, Operation
from image_management.store.store import Store
from image_management.values import time_text

GIVE_UP_AFTER = 3
"""Records in a row that S3 was not available for, after which the others are not tried."""


class Images(MultiService):
    """
    The objects of records, and records as far as they depend on objects.

    As a service it goes on with the operations that an earlier process, or another one, has left;
    it starts after the store.  What it does goes on when whoever asked for it is not interested any
    more: its coroutines are not to be cancelled for that.

    @ivar links: looks at what a link names before it is set.
    """

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: IReactorTime,
        *,
        boot_images_bucket: str,
        longest_manifest: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param clock: one that nobody sets.
        @param boot_images_bucket: gets the manifests that name what was moved.
        @param longest_manifest: in bytes; one that is set has fewer.
        @param now: the time of day, in seconds since the epoch.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._store = store
        self._now = now
        self.links = LinkChecks(objects, longest_manifest)
        leases = Leases(clock)
        planner = Planner(objects, boot_images_bucket, longest_manifest, now)
        moves = Moves(store, planner, Transfers(objects, leases), now)
        self._operations = Operations(store, moves, leases, clock)
        self._operations.setServiceParent(self)  # type: ignore[no-untyped-call]

    async def soft_delete(self, kind: Kind, id: str) -> Sequence[str]:
        """
        Move a record, and its objects, to what was deleted.

        Who asks again for what is under way gets the same answer.

        @return: what should be known of how it went, such as artifacts that were not found.
        @raise NotFound: there is no such record.
        @raise Busy: another operation on it is under way.
        @raise Problem: an object would be overwritten, or is being moved with another record (409);
            one that has to be there is not (422).  Nothing is changed.
        @raise LinkInUse: another record has the link that it would get.  Nothing is changed.
        @raise S3Error: S3 does not do it.  Nothing is changed.
        @raise StoreUnavailable: nobody knows how far it is; it goes on later.
        """
        if kind in LINKED:
            return await self._operations.perform(Operation(kind, id, Action.SOFT_DELETE))

        def deleted(record: Record) -> Document:
            return deleted_document(record.document, time_text(self._now()))

        await self._store.move(kind, id, deleted, to_deleted=True)
        return ()

    async def undelete(self, kind: Kind, id: str) -> Sequence[str]:
        """
        Bring a record that was deleted back, with its objects.

        @return: as of L{soft_delete}, and it raises the same.
        """
        if kind in LINKED:
            operation = Operation(kind, id, Action.UNDELETE, deleted=True)
            return await self._operations.perform(operation)
        await self._store.move(
            kind, id, lambda record: live_document(record.document), to_deleted=False
        )
        return ()

    async def hard_delete(
        self, kind: Kind, id: str, *, deleted: bool = False, cascade: bool = True
    ) -> Sequence[str]:
        """
        Remove a record for good, and its objects before.

        @param deleted: of those that were deleted.
        @param cascade: the objects, too.
        @return: as of L{soft_delete}, and it raises the same; where S3 does not do it, the record
            is there still, and names what is left.
        """
        if kind in LINKED and cascade:
            operation = Operation(kind, id, Action.HARD_DELETE, deleted=deleted)
            return await self._operations.perform(operation)
        await self._store.remove(kind, id, deleted=deleted)
        return ()

    # --- whole collections

    async def soft_delete_all(self, kind: Kind) -> Sequence[str]:
        """
        L{soft_delete} all that are there now, each for itself.

        @return: what should be known of how it went.
        @raise Problem: some could not be (409, or 502 where S3 is the reason), with a text for each
            one's id in its errors.
        """
        return await self._all(kind, False, partial(self.soft_delete, kind))

    async def undelete_all(self, kind: Kind) -> Sequence[str]:
        """L{undelete} all that were deleted, as L{soft_delete_all} does."""
        return await self._all(kind, True, partial(self.undelete, kind))

    async def hard_delete_all(
        self, kind: Kind, *, deleted: bool = False, cascade: bool = True
    ) -> Sequence[str]:
        """L{hard_delete} all that are there now, as L{soft_delete_all} does."""
        do = partial(self.hard_delete, kind, deleted=deleted, cascade=cascade)
        return await self._all(kind, deleted, do)

    async def _all(
        self, kind: Kind, deleted: bool, do: Callable[[str], Awaitable[Sequence[str]]]
    ) -> Sequence[str]:
        warnings: list[str] = []
        errors: dict[str, list[str]] = {}
        status, in_a_row = 409, 0
        for record in await self._store.list_records(kind, deleted=deleted):
            if in_a_row == GIVE_UP_AFTER:
                errors[record.id] = ["not tried, since S3 was not available for those before"]
                continue
            try:
                warnings += await do(record.id)
                in_a_row = 0
            except NotFound:
                pass  # somebody else was faster
            except (S3Error, Problem, Busy, LinkInUse) as error:
                errors[record.id] = [str(error)]
                status = 502 if isinstance(error, S3Error) else status
                in_a_row = in_a_row + 1 if isinstance(error, S3Unavailable) else 0
        if errors:
            raise Problem(status, f"{len(errors)} of the {kind} stay as they are", errors=errors)
        return warnings
