"""
Finds out what becomes of jobs that cannot say so themselves any more.

Whatever a job says counts more than what is found out here, now and later; so it is given time to
say it.  Any number of replicas may do this at once: a job that is over stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from httpd.concurrency.coroutine_service import Background
from httpd.concurrency.coroutines import side_by_side
from image_management.jobs.backend import Report, Reports
from image_management.jobs.kubernetes.api import ApiError
from image_management.jobs.kubernetes.sights import Sights
from image_management.jobs.kubernetes.verdicts import (
    Sight,
    Verdict,
    hindrance,
    stands_still,
    verdict_of_standstill,
    verdict_on,
)
from image_management.jobs.progress import is_over
from image_management.records.record import Record
from image_management.records.words import JobStatus
from image_management.store.errors import StoreUnavailable

LOOK_SECONDS = 5.0
"""Between two looks at all jobs."""

HOLD_SECONDS = 30.0
"""For which a job may still say itself what has become of it."""

ListJobs = Callable[[], Coroutine[Deferred[Any], Any, Sequence[Record]]]
"""The records of jobs that there are; raises C{StoreUnavailable}."""


@dataclass(slots=True)
class _Suspicion:
    """What a job is going to be reported with."""

    verdict: Verdict
    since: float
    """When it was seen first, by the clock."""


class Observer(Background):
    """Reports jobs that are lost as failed, with the reason."""

    failed = "jobs in Kubernetes are not observed any more"
    _log = Logger()

    def __init__(
        self,
        sights: Sights,
        jobs: ListJobs,
        report: Reports,
        clock: IReactorTime,
        now: Callable[[], float],
        pending_seconds: float,
    ) -> None:
        """
        @param jobs: the records of all jobs of the backend.
        @param now: the Unix time.
        @param pending_seconds: for which a job may stand still before it works.
        """
        self._sights = sights
        self._jobs = jobs
        self._report = report
        self._clock = clock
        self._now = now
        self._pending_seconds = pending_seconds
        self._begun: set[str] = set()
        self._suspicions: dict[str, _Suspicion] = {}
        self._reporting: dict[str, Deferred[None]] = {}

    async def run(self) -> None:
        """Look at all jobs, again and again."""
        await self._sights.until_known()
        while True:
            try:
                await self._look()
            except StoreUnavailable as error:
                self._log.warn("jobs in Kubernetes are not looked at: {error}", error=str(error))
            await deferLater(self._clock, LOOK_SECONDS)

    def stopService(self) -> Deferred[None] | None:
        """Look no more; what is not written down yet is found out again."""
        for reporting in [*self._reporting.values()]:
            reporting.cancel()
        return super().stopService()

    async def _look(self) -> None:
        jobs = {job.id: job for job in await self._jobs() if not is_over(job)}
        self._begun &= jobs.keys()
        for id in self._suspicions.keys() - jobs.keys():
            del self._suspicions[id]
        troubles = [one for one in await side_by_side(map(self._judge, jobs.values())) if one]
        if troubles:
            self._log.warn(
                "{count} jobs in Kubernetes cannot be looked at: {error}",
                count=len(troubles),
                error=str(troubles[0]),
            )

    async def _judge(self, job: Record) -> ApiError | None:
        """
        Look at a job.

        @return: why that is not possible.
        """
        try:
            sight = await self._sights.of(job)
            verdict = await self._verdict(job, sight)
        except ApiError as error:
            return error
        now = self._clock.seconds()
        if verdict is None:
            self._clear(job, sight, now)
            return None
        suspicion = self._suspicions.setdefault(job.id, _Suspicion(verdict, now))
        # What tells more may have come later, and may have gone since.
        suspicion.verdict = min(suspicion.verdict, verdict, key=lambda one: one.rank)
        if now - suspicion.since >= HOLD_SECONDS and job.id not in self._reporting:
            self._begin_report(job, suspicion.verdict.reason)
        return None

    def _clear(self, job: Record, sight: Sight, now: float) -> None:
        """Suspect a job no more; but between the end of its pods and its own nothing is new."""
        if sight.pods:
            self._suspicions.pop(job.id, None)
        elif job.id in self._suspicions:
            self._suspicions[job.id].since = now

    async def _verdict(self, job: Record, sight: Sight) -> Verdict | None:
        is_new = job.document["status"] == JobStatus.CREATING
        if sight.job is not None:
            self._begun.add(job.id)
        # Of a new job whose Job nobody has seen yet, it is still to be made.
        if sight.job is not None or job.id in self._begun or not is_new:
            verdict = verdict_on(sight)
            if verdict is not None:
                return verdict
        created = datetime.fromisoformat(job.document["created"]).timestamp()
        if not stands_still(sight, created, self._now(), self._pending_seconds):
            return None
        if hindrance(sight) is None:
            if not is_new:
                return None
            sight = replace(sight, claim=await self._sights.claim_of(job))
        return verdict_of_standstill(sight, self._pending_seconds)

    def _begin_report(self, job: Record, reason: str) -> None:
        report = Report(job.id, JobStatus.ERROR, reason, inferred=True)
        self._reporting[job.id] = running = Deferred.fromCoroutine(self._report(report))

        def ended(result: Failure | None) -> None:
            self._reporting.pop(job.id)
            if result is not None and not result.check(CancelledError):
                self._log.failure("the end of job {job} is not written down", result, job=job.id)

        running.addBoth(ended)
