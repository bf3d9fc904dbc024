"""
What the routes ask of jobs: begin, change, end and delete them.

A record is there before anything is made for it, and goes after everything is gone: what is there
has a record, and after a crash it can be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from httpd.web.problems import Problem
from image_management.jobs.backend import (
    BackendError,
    Follow,
    JobBackend,
    LogReader,
    MakeBackend,
    Report,
)
from image_management.jobs.creation import JobCreation, NewJob
from image_management.jobs.progress import OVER, is_over, patched_by_job, reported
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.words import JobStatus
from image_management.store.errors import Busy, NotFound, StoreUnavailable
from image_management.store.store import Store

_LONGEST_PAUSE = 30.0
"""Seconds between two tries to write a report down."""


class JobService(Background):
    """
    Jobs, from their beginning to their end.

    As a service it goes on with those that an earlier process has left; it starts after the store.

    @ivar ended: how many have come to an end since the service started, by their status and type.
    """

    failed = "jobs of an earlier process are not gone on with"
    _log = Logger()

    def __init__(
        self,
        store: Store,
        creation: JobCreation,
        make_backend: MakeBackend | None,
        clock: IReactorTime,
    ) -> None:
        """
        @param make_backend: C{None}: jobs are only looked at.
        """
        self._store = store
        self._creation = creation
        self._clock = clock
        self._states: dict[str, tuple[str, str]] = {}
        self.ended: Counter[tuple[str, str]] = Counter()
        self._making: set[str] = set()
        self._backend: JobBackend | None = make_backend(self.report) if make_backend else None

    def counts(self) -> Counter[tuple[str, str]]:
        """How many of this backend's jobs there are, by their status and type."""
        return Counter(self._states.values())

    async def run(self) -> None:
        """Go on with what an earlier process has left."""
        if self._backend is None:
            return
        jobs = await self._patiently(self._own_jobs)
        self._states |= {job.id: _state(job) for job in jobs}
        recover = partial(self._backend.recover, jobs)
        for id in await self._patiently(recover):
            self._log.info("job {job} is taken back: its making was cut off", job=id)
            await self._patiently(lambda id=id: self._forget(id))

    def stopService(self) -> Deferred[None]:
        """Hold all jobs; fires when nothing of them runs any more."""
        return Deferred.fromCoroutine(self._stop(super().stopService()))

    async def _stop(self, going_on: Deferred[None] | None) -> None:
        if going_on is not None:
            await going_on
        if self._backend is not None:
            await self._backend.stop()

    async def create(self, members: Mapping[str, Any], created: str) -> Record:
        """
        Begin a job.

        @param members: what the client wants
            (L{read_input<image_management.records.schemas.read_input>}).
        @param created: the time now.
        @return: its record.
        @raise Problem: it cannot be begun.
        @raise S3Error: nobody knows whether there is anything to work on.
        """
        prepared = await self._creation.prepare(members, created)
        backend = self._backend
        if backend is None:
            raise Problem(503, "no job backend is configured")
        planned = {**await backend.plan(prepared), "backend": backend.name}
        record = replace(prepared.record, document={**prepared.record.document, **planned})
        job = replace(prepared, record=record)
        self._making.add(record.id)
        try:
            await self._store.add(record)
            return await self._made(backend, job)
        finally:
            self._making.remove(record.id)

    async def _made(self, backend: JobBackend, job: NewJob) -> Record:
        """The record of a job that is begun; or of one that cannot be, nothing stays."""
        try:
            return self._count(await self._begun(backend, job))
        except StoreUnavailable:
            raise  # there are a record and a job
        except Exception as error:
            await self._take_back(backend, job)
            if isinstance(error, BackendError):
                raise Problem(502, str(error)) from None
            if isinstance(error, NotFound):
                raise Problem(409, f"job {job.record.id} was deleted as it was made") from None
            raise

    async def _begun(self, backend: JobBackend, job: NewJob) -> Record:
        """
        The record of a job that is begun.

        @raise NotFound: it was deleted meanwhile, before all was there that had to be deleted.
        """
        otherwise = await backend.start(job)
        if not otherwise:
            return await self._store.get(Kind.JOB, job.record.id)
        return await self._store.change(
            Kind.JOB, job.record.id, lambda now: {**now.document, **otherwise}
        )

    async def change(self, job: Record, change: Mapping[str, Any]) -> Record:
        """
        Take what a job's containers say of it.

        @param change: as L{read_patch<image_management.records.schemas.read_patch>} has it.
        @raise Problem: 502, what the job holds could not be given up; nothing is changed.
        """
        backend = self._backend_of(job)
        if backend is not None and change.get("status") in OVER:
            await _asked(backend.release(job))
        changed = await self._store.change(
            Kind.JOB, job.id, lambda now: patched_by_job(now, change)
        )
        return changed if backend is None else self._count(changed)

    async def finish(self, job: Record, *, failed: bool) -> Record:
        """
        End the user's turn, as the signal files do.

        @raise Problem: 409, it is not the user's turn; 502, it cannot be ended.
        """
        backend = self._backend_of(job)
        if backend is None or job.document["status"] != JobStatus.WAITING_ON_USER:
            raise Problem(
                409, f"job {job.id} is {job.document['status']}; expected waiting_on_user"
            )
        await _asked(backend.finish(job, failed=failed))
        return await self._store.get(Kind.JOB, job.id)

    async def remove(self, job: Record) -> None:
        """
        End a job, and leave nothing of it.

        @raise BackendError: something is left, and so the record stays.
        """
        backend = self._backend_of(job)
        if backend is not None:
            await backend.remove(job)
        await self._forget(job.id)

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader:
        """
        What a job has said so far.

        @param follow: whether to go on until it is over.
        @param tail: to begin with so many of the last lines; C{None}: with the first.
        @raise Problem: 404, nobody knows.
        """
        backend = self._backend_of(job)
        reader = None if backend is None else backend.log(job, follow=follow, tail=tail)
        if reader is None:
            raise Problem(404, f"there is no log of job {job.id}")
        return reader

    async def report(self, report: Report) -> None:
        """
        Write down what a backend reports, for as long as it takes: the backend waits.  A job that
        was deleted meanwhile is nobody's business any more.
        """

        async def write() -> None:
            if report.status in OVER and self._backend is not None:
                await self._backend.release(await self._store.get(Kind.JOB, report.job_id))
            self._count(
                await self._store.change(Kind.JOB, report.job_id, lambda job: reported(job, report))
            )

        try:
            await self._patiently(write)
        except NotFound:
            return
        self._log.info(
            "job {job} is {status}", job=report.job_id, status=report.status, reason=report.reason
        )

    async def _own_jobs(self) -> list[Record]:
        """The jobs of this backend that are there, and not just being made."""
        jobs = await self._store.list_records(Kind.JOB)
        return [
            job for job in jobs if self._backend_of(job) is not None and job.id not in self._making
        ]

    def _backend_of(self, job: Record) -> JobBackend | None:
        """Who works on a job; C{None}: nobody here."""
        backend = self._backend
        return backend if backend and job.document["backend"] == backend.name else None

    async def _take_back(self, backend: JobBackend, job: NewJob) -> None:
        """Leave neither what was made nor the record of a job that could not be begun."""
        try:
            await backend.remove(job.record)
        except BackendError as error:
            self._log.error("of job {job} is left: {error}", job=job.record.id, error=str(error))
        await self._patiently(lambda: self._forget(job.record.id))

    def _count(self, job: Record) -> Record:
        """Take note of how far it is."""
        state = _state(job)
        if is_over(job) and self._states.get(job.id) != state:
            self.ended[state] += 1
        self._states[job.id] = state
        return job

    async def _forget(self, id: str) -> None:
        self._states.pop(id, None)
        try:
            await self._store.remove(Kind.JOB, id)
        except NotFound:
            return  # somebody else was faster

    async def _patiently(self, what: Any) -> Any:
        """Do it, again and again while the store is away or what a job holds cannot be freed."""
        pause = 1.0
        while True:
            try:
                return await what()
            except (StoreUnavailable, Busy, BackendError) as error:
                self._log.warn("jobs: {error}; once more in {pause} s", error=error, pause=pause)
            await deferLater(self._clock, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _state(job: Record) -> tuple[str, str]:
    return job.document["status"], job.document["job_type"]


async def _asked(doing: Any) -> None:
    try:
        await doing
    except BackendError as error:
        raise Problem(502, str(error)) from None
