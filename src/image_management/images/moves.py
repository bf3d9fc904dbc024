"""
Soft delete, undelete and hard delete, from beginning to end.

Objects are moved so that nobody ever sees half of it, and an end of the process at any point leaves
something to go on with.  The journal says how far an operation is before anything of that is done:

  1. a plan: what goes where, and nothing is there yet;
  2. everything is copied, and the sources stay; when that fails, the copies are deleted again;
  3. in one transaction the record names the copies and is in the other collection;
  4. the sources are deleted, however long that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from httpd.web.problems import Problem
from image_management.images.planning import Planner
from image_management.images.plans import Phase, Stage
from image_management.images.transfers import Transfers
from image_management.images.work import Work
from image_management.records.links import Link
from image_management.records.record import deleted_document, live_document
from image_management.s3.errors import (
    ObjectChanged,
    ObjectMissing,
    S3Error,
    S3Unavailable,
)
from image_management.store.errors import LinkInUse
from image_management.store.journal import Action, Moved, Outcome, Removed, Unchanged
from image_management.store.store import Store
from image_management.values import time_text

RETRY_AFTER = "5"
"""Seconds after which a client may ask again for what is busy now."""


class Moves:
    """Carries operations out."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        planner: Planner,
        transfers: Transfers,
        now: Callable[[], float],
    ) -> None:
        """
        @param now: the time of day, in seconds since the epoch.
        """
        self._store = store
        self._planner = planner
        self._transfers = transfers
        self._now = now

    async def carry_out(self, work: Work, *, anew: bool = False) -> Sequence[str]:
        """
        Carry an operation out, from where it is, to its end or as far as S3 allows.

        @param anew: try again what has failed, also while it is being undone.
        @return: what whoever asked for it should know.
        @raise Problem: it cannot be done, and nothing is changed.
        @raise S3Unavailable: S3 does not do it; nothing is changed, but for artifacts that a hard
            delete has deleted already.
        @raise LinkInUse: another record has the link by now; nothing is changed.
        @raise StoreError: the store cannot say how far it is, or another process is at it.
        """
        if work.stage is None or (anew and work.undoing):
            await self._make_plan(work)
        if work.phase is Phase.COPYING:
            await self._move(work)
        elif work.undoing:
            await self._undo(work)
        elif work.phase is Phase.DELETING:
            await self._delete(work)
        if work.phase is Phase.CLEANING and not work.over:
            await self._clean(work)
        return work.warnings

    async def _make_plan(self, work: Work) -> None:
        operation, earlier = work.operation, work.stage
        left = {target.path: target for target in work.plan.targets}
        try:
            record = await self._store.get(operation.kind, operation.id, deleted=operation.deleted)
            plan = await self._planner.plan(operation.action, record, left)
            hard = operation.action is Action.HARD_DELETE
            await self._enter(work, Stage(Phase.DELETING if hard else Phase.COPYING, plan))
            await self._refuse_sharing(work)
            await self._transfers.remove_copies([left[path] for path in left.keys() - plan.paths])
        except (S3Error, Problem, LinkInUse):
            if earlier is None:
                await self._end(work, Unchanged())
            elif work.stage is not earlier:
                await self._enter(work, earlier)
            raise
        work.warnings += plan.warnings

    async def _refuse_sharing(self, work: Work) -> None:
        """
        See that no other operation has to do with any of the same objects.

        Each looks after it has said what it is going to do: of two, one sees the other at least.
        """
        mine = work.plan.paths
        for other in await self._store.operations() if mine else ():
            stage = Stage.read(other.state)
            if stage is None or (other.kind, other.id) == (work.operation.kind, work.operation.id):
                continue
            for path in sorted(mine & stage.plan.paths)[:1]:
                raise Problem(
                    409,
                    f"{path} is being moved or deleted with {other.kind.noun} {other.id}",
                    {"Retry-After": RETRY_AFTER},
                )

    # --- there

    async def _move(self, work: Work) -> None:
        try:
            link = await self._transfers.copy(work.plan, resumed=work.resumed)
            await self._commit(work, link)
        except (S3Error, LinkInUse) as error:
            await self._enter(work, Stage(Phase.ROLLING_BACK, work.plan))
            try:
                await self._undo(work, late=may_still_be_done(error))
            except S3Error as another:
                self._tell(work, f"what was copied is deleted later: {another}")
            if isinstance(error, ObjectMissing | ObjectChanged):
                raise Problem(409, f"an object changed while it was moved: {error}") from error
            raise

    async def _commit(self, work: Work, link: Link | None) -> None:
        operation = work.operation
        record = await self._store.get(operation.kind, operation.id, deleted=operation.deleted)
        document = record.document if link is None else {**record.document, "link": link.document}
        if operation.action is Action.SOFT_DELETE:
            moved = Moved(deleted_document(document, time_text(self._now())), deleted=True)
        else:
            moved = Moved(live_document(document), deleted=False)
        await self._end(work, moved, Stage(Phase.CLEANING, work.plan))

    async def _undo(self, work: Work, *, late: bool = True) -> None:
        """
        Delete the copies.

        @param late: S3 may yet make one that it was asked for; after an interruption nobody knows.
        """
        await self._transfers.remove_copies(work.plan.targets)
        if late and work.phase is Phase.ROLLING_BACK:
            await self._enter(work, Stage(Phase.SWEEPING, work.plan))
        else:
            await self._end(work, Unchanged())

    # --- what is left

    async def _clean(self, work: Work) -> None:
        """Delete what was moved where it was.  The record is where it goes, whatever comes now."""
        try:
            await self._transfers.remove_sources(work.plan.moves)
            await self._transfers.remove(work.plan.last)
        except S3Error as error:
            self._tell(work, f"what was moved is deleted at its old place later: {error}")
        else:
            await self._end(work, Unchanged())

    async def _delete(self, work: Work) -> None:
        """Delete everything for good."""
        try:
            await self._transfers.remove(work.plan.deletions)
            await self._transfers.remove(work.plan.last)
        except S3Error:
            # The record still names what is left, so that it can be deleted again.
            await self._end(work, Unchanged())
            raise
        await self._end(work, Removed())

    # --- the journal

    async def _enter(self, work: Work, stage: Stage) -> None:
        """Write down how far it is, where there is something in S3 to be done."""
        if stage.plan.paths:
            coming = work.operation.action is Action.UNDELETE and stage.plan.link
            claim = coming.path if coming else None
            await self._store.progress(work.operation, stage.state, claim=claim)
        work.stage = stage

    async def _end(self, work: Work, outcome: Outcome, rest: Stage | None = None) -> None:
        """
        Give the record its outcome.

        @param rest: what is left to be done in S3, perhaps nothing.
        """
        state = rest.state if rest is not None and rest.plan.paths else None
        await self._store.finish(work.operation, outcome, state=state)
        work.stage, work.over = rest, state is None

    def _tell(self, work: Work, text: str) -> None:
        """Tell the log, and whoever asked for it."""
        operation = work.operation
        self._log.warn(
            "{action} of {kind} {id}: {text}",
            action=operation.action.value,
            kind=operation.kind.noun,
            id=operation.id,
            text=text,
        )
        work.warnings.append(text)


def may_still_be_done(error: Exception) -> bool:
    """Whether S3 may do what it was asked for after it was given up."""
    return isinstance(error, S3Unavailable) and error.status is None
