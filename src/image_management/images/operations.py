"""Operations under way: begun, joined, gone on with, and tried again until they are over."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from httpd.web.problems import Problem
from image_management.images.leases import SURE_SECONDS, Leases
from image_management.images.moves import Moves
from image_management.images.plans import Phase
from image_management.images.work import Work
from image_management.records.kinds import Kind
from image_management.s3.errors import S3Error
from image_management.store.errors import (
    Busy,
    LeaseLost,
    LinkInUse,
    NotFound,
    StoreError,
    StoreUnavailable,
)
from image_management.store.journal import Operation, Unchanged
from image_management.store.store import LEASE_SECONDS, Store

RENEWAL_SECONDS = LEASE_SECONDS / 3

SWEEP_SECONDS = 60.0
"""After which S3 has ended whatever it was asked for before."""

LONGEST_DELAY = 60.0
"""Seconds between tries of what is left to be done."""

ELSEWHERE_SECONDS = 1.0
"""How often one looks whether another process is done."""

_Key = tuple[Kind, str]
_Result = Sequence[str]


class _Attempts:
    """An operation of this process: its attempts, and who waits for the one that is under way."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.running: Deferred[_Result] | None = None
        self.next: IDelayedCall | None = None
        self.tries = 0
        self.taken: Operation | None = None
        """What another process has left of the same record, to be gone on with afterwards."""

        self._waiting: list[Deferred[_Result]] = []

    def result(self) -> Deferred[_Result]:
        """Fires with the outcome of the attempt that is under way, or is about to be."""
        waiting: Deferred[_Result] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def tell(self, result: _Result | Failure) -> None:
        """Tell all who wait."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(result)

    def leave_off(self) -> None:
        """Stop what is under way, and do not try again."""
        if self.next is not None and self.next.active():
            self.next.cancel()
        self.next = None
        if self.running is not None:
            self.running.cancel()


class Operations(Service):
    """
    Carries operations out in this process.  They outlive whoever asked for them: what cannot end
    now is gone on with later, and so is what another process has left.
    """

    _log = Logger()

    def __init__(self, store: Store, moves: Moves, leases: Leases, clock: IReactorTime) -> None:
        """
        @param clock: one that nobody sets.
        """
        self._store = store
        self._moves = moves
        self._leases = leases
        self._clock = clock
        self._all: dict[_Key, _Attempts] = {}
        self._watching = LoopingCall(lambda: Deferred.fromCoroutine(self._watch()))
        self._watching.clock = clock
        self._expiry: IDelayedCall | None = None

    def startService(self) -> None:
        """Go on with what was left; the store has been started before."""
        Service.startService(self)
        self._watched = self._watching.start(RENEWAL_SECONDS)

    def stopService(self) -> Deferred[Any]:
        """Leave off; the journal knows where.  Fires when nothing is under way any more."""
        Service.stopService(self)
        self._watching.stop()
        self._no_expiry()
        running = [one.running for one in self._all.values() if one.running is not None]
        for one in list(self._all.values()):
            one.leave_off()
        return DeferredList([self._watched, *running])

    async def perform(self, operation: Operation) -> Sequence[str]:
        """
        Carry an operation out, or join the same that is under way, here or in another process.

        @return: what whoever asked for it should know.
        @raise NotFound: the record is not there.
        @raise Busy: another operation on the record is under way.
        @raise Exception: what L{Moves.carry_out} raises.
        """
        key = (operation.kind, operation.id)
        elsewhere = False
        while True:
            attempts = self._all.get(key)
            if attempts is not None and not _same(attempts.work.operation, operation):
                raise Busy(attempts.work.operation)
            try:
                return await self._join(operation, attempts)
            except NotFound:
                if elsewhere:
                    return ()  # it was done there
                raise
            except Busy as error:
                if not _same(error.operation, operation):
                    raise
            except LeaseLost:
                pass
            elsewhere = True
            await deferLater(self._clock, ELSEWHERE_SECONDS)

    async def _join(self, operation: Operation, attempts: _Attempts | None) -> Sequence[str]:
        if attempts is None:
            attempts = _Attempts(Work(operation))
            self._all[operation.kind, operation.id] = attempts
            return await self._attempt(attempts, self._begin(attempts.work))
        if attempts.running is None:
            if not attempts.work.undoing:
                raise NotFound(operation.kind, operation.id)  # all but the cleaning is done
            return await self._attempt(attempts, self._go_on(attempts, anew=True))
        if attempts.work.undoing:
            # What failed is not what is wanted: it is tried again when it is undone.
            with suppress(Exception):
                await attempts.result()
            return await self._join(operation, self._all.get((operation.kind, operation.id)))
        return await attempts.result()

    # --- attempts

    async def _begin(self, work: Work) -> Sequence[str]:
        try:
            await self._store.begin(work.operation)
        except (NotFound, Busy, LinkInUse):
            work.over = True
            raise
        return await self._moves.carry_out(work)

    async def _go_on(self, attempts: _Attempts, *, anew: bool = False) -> Sequence[str]:
        """Go on from what the journal says: what came of the last thing written is not known."""
        known = attempts.work.operation
        operation = await self._store.operation(known.kind, known.id)
        if operation is None:
            raise LeaseLost(known)
        attempts.work = work = Work(operation, resumed=True)
        if work.stage is None:
            # Nothing was done, and whoever asked for it has been told so, or has left.
            await self._store.finish(operation, Unchanged())
            raise LeaseLost(known)
        await self._store.progress(operation, operation.state)  # if it is still ours
        return await self._moves.carry_out(work, anew=anew)

    def _attempt(
        self, attempts: _Attempts, coroutine: Coroutine[Deferred[Any], Any, Sequence[str]]
    ) -> Deferred[_Result]:
        """Begin an attempt; fires with its outcome."""
        attempts.leave_off()
        result = attempts.result()
        attempts.running = Deferred.fromCoroutine(coroutine)
        attempts.running.addBoth(self._ended, attempts)
        return result

    def _ended(self, result: _Result | Failure, attempts: _Attempts) -> None:
        attempts.running = None
        work = attempts.work
        if isinstance(result, Failure):
            if result.check(LeaseLost):
                work.over = True
            if result.check(CancelledError):
                result = Failure(
                    StoreUnavailable(
                        f"the {work.operation.action} was interrupted, and goes on later"
                    )
                )
        if work.over:
            del self._all[work.operation.kind, work.operation.id]
            if attempts.taken is not None and self.running:
                self._adopt(attempts.taken)
        elif self.running:
            self._try_later(attempts)
        attempts.tell(result)

    def _try_later(self, attempts: _Attempts) -> None:
        sweeping = attempts.work.phase is Phase.SWEEPING
        delay = SWEEP_SECONDS if sweeping else min(2.0**attempts.tries, LONGEST_DELAY)
        attempts.tries += 1
        attempts.next = self._clock.callLater(delay, self._attempt_alone, attempts)

    def _attempt_alone(self, attempts: _Attempts) -> None:
        """Go on with what nobody waits for."""
        result = self._attempt(attempts, self._go_on(attempts))
        result.addErrback(self._log_failure, attempts.work.operation)

    def _log_failure(self, failure: Failure, operation: Operation) -> None:
        if failure.check(LeaseLost):
            return  # all of it, or the rest, is another process's
        if failure.check(S3Error, Problem, StoreError):
            self._log.warn(
                "{action} of {kind} {id}: {error}",
                action=operation.action.value,
                kind=operation.kind.noun,
                id=operation.id,
                error=failure.getErrorMessage(),
            )
        else:
            self._log.failure("an operation failed", failure)

    # --- leases

    async def _watch(self) -> None:
        """Renew the leases, and see what other processes have left."""
        asked = self._clock.seconds()
        try:
            await self._store.renew()
            self._leases.renewed(asked)
            self._no_expiry()
            if self.running:
                self._expiry = self._clock.callLater(SURE_SECONDS, self._expire)
            left = await self._store.take_over() if self.running else []
        except StoreError as error:
            self._log.warn("leases of operations cannot be renewed: {error}", error=str(error))
            return
        except Exception:
            self._log.failure("leases of operations cannot be renewed")
            return
        for operation in left:
            if attempts := self._all.get((operation.kind, operation.id)):
                attempts.taken = operation  # somebody is about to see that it is there
            elif self.running:
                self._adopt(operation)

    def _adopt(self, operation: Operation) -> None:
        self._log.info(
            "{action} of {kind} {id} was interrupted, and goes on",
            action=operation.action.value,
            kind=operation.kind.noun,
            id=operation.id,
        )
        attempts = _Attempts(Work(operation, resumed=True))
        self._all[operation.kind, operation.id] = attempts
        if attempts.work.phase is Phase.SWEEPING:
            self._try_later(attempts)
        else:
            self._attempt_alone(attempts)

    def _expire(self) -> None:
        """Stop at once: another process may take over what is ours."""
        for one in list(self._all.values()):
            if one.running is not None:
                one.running.cancel()

    def _no_expiry(self) -> None:
        if self._expiry is not None and self._expiry.active():
            self._expiry.cancel()
        self._expiry = None


def _same(one: Operation, other: Operation) -> bool:
    """Whether both are the same thing done to a record."""
    return (one.action, one.deleted) == (other.action, other.deleted)
