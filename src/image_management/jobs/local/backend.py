"""The local backend: jobs are worked on by this host, some at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from httpd.web.problems import Problem
from image_management.jobs.backend import BackendError, Follow, LogReader, Report
from image_management.jobs.creation import NewJob
from image_management.jobs.local.folders import JobFolder, Notes
from image_management.jobs.local.job import LocalJob
from image_management.jobs.local.leftovers import end_leftovers
from image_management.jobs.local.logs import FileLog, append
from image_management.jobs.local.packing import Packing
from image_management.jobs.local.processes import ProgramFailed
from image_management.jobs.local.removal import remove_tree
from image_management.jobs.local.turn import port_of
from image_management.jobs.local.workshop import Workshop
from image_management.jobs.progress import is_over
from image_management.records.record import Record
from image_management.records.words import JobStatus
from image_management.s3.errors import S3Error
from image_management.values import time_text

NAME = "local"

_RETRY = {"Retry-After": "60"}


class LocalBackend:
    """See L{JobBackend<image_management.jobs.backend.JobBackend>}."""

    name = NAME
    _log = Logger()

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._running: dict[str, _Running] = {}

    async def plan(self, job: NewJob) -> Mapping[str, Any]:
        """Where one is going to log in."""
        containers = job.record.document["ssh_containers"]
        if not containers:
            return {}
        place = {"host": self._shop.settings.ssh_host, "port": self._free_port()}
        places = {"customer_access": place, "cluster.local": place}
        return {"ssh_containers": [{**one, "connection_info": places} for one in containers]}

    async def start(self, job: NewJob) -> Mapping[str, Any]:
        """Queue it."""
        if job.record.document["ssh_containers"]:
            self._free_port()  # others may have come since it was planned
        folder = self._folder(job.record)
        try:
            folder.begin(Notes.of(job))
            append(folder.log, f"== {JobStatus.CREATING} {time_text(self._shop.now())}")
        except OSError as error:
            raise BackendError(f"{folder.path}: {error.strerror or error}") from None
        self._run(job.record)
        return {}

    async def finish(self, job: Record, *, failed: bool) -> None:
        """End the user's turn."""
        running = self._running.get(job.id)
        if running is None or running.job.turn is None:
            raise BackendError("nobody is logged in to it")
        running.job.turn.end(failed=failed)

    async def release(self, job: Record) -> None:
        """Leave the log."""
        await self._end(job)
        folder = self._folder(job)
        if not (self._shop.settings.keep_failed and folder.has_failed):
            await self._remove(*folder.work())

    async def remove(self, job: Record) -> None:
        """Leave nothing."""
        await self._end(job)
        if job.document["resultant_image_id"] is None and self._folder(job).is_begun:
            try:
                await Packing(self._shop, job, self._folder(job)).take_back()
            except S3Error as error:
                raise BackendError(f"S3: {error}") from None
        await self._remove(self._folder(job).path)

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader | None:
        """Its file."""

        def goes_on() -> bool:
            return follow() and job.id in self._running

        try:
            return FileLog(self._folder(job).log, self._shop.reactor, goes_on, tail)
        except OSError:
            return None

    async def recover(self, jobs: Sequence[Record]) -> Collection[str]:
        """Clean up, and go on with all that are not over."""
        work_dir = self._shop.settings.work_dir
        work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        await end_leftovers(self._shop.reactor, work_dir)
        await self._remove(
            *_folders_of_others(work_dir, {*self._running, *(job.id for job in jobs)})
        )
        never_begun = []
        for job in jobs:
            if is_over(job):
                await self.release(job)
            elif not self._folder(job).is_begun:
                never_begun.append(job.id)
            elif job.document["resultant_image_id"] is not None:
                await self._shop.report(Report(job.id, JobStatus.SUCCESS))
            elif job.id not in self._running:
                self._run(job)
        return never_begun

    async def stop(self) -> None:
        """Hold all jobs where they are."""
        for running in self._running.values():
            running.cancel()
        for running in [*self._running.values()]:
            await running.over()

    def _free_port(self) -> int:
        """
        Where one more job can listen, as far as jobs are concerned.

        @raise Problem: 503, there is no room for one.
        """
        settings = self._shop.settings
        others = [one.job.record for one in self._running.values()]
        open_jobs = [job for job in others if job.document["ssh_containers"]]
        if len(open_jobs) >= settings.shells:
            raise Problem(503, f"{len(open_jobs)} jobs wait for their users already", _RETRY)
        taken = {port_of(job) for job in open_jobs}
        free = [port for port in settings.ssh_ports if not port or port not in taken]
        if not free:
            raise Problem(503, "every port of IMS_SSH_PORTS is another job's", _RETRY)
        return free[0]

    def _folder(self, job: Record) -> JobFolder:
        return JobFolder.of(self._shop.settings.work_dir, job)

    def _run(self, job: Record) -> None:
        self._running[job.id] = running = _Running(LocalJob(self._shop, job))
        Deferred.fromCoroutine(self._report_end(running)).addErrback(
            lambda failure: self._log.failure("job {job} is lost", failure, job=job.id)
        )

    async def _report_end(self, running: _Running) -> None:
        """
        Report how a job ends; one that was cancelled does not.  Until then its log goes on: whoever
        has followed that to its end finds in the record how the job has ended.
        """
        try:
            report = await running.over()
            if report is not None:
                await self._shop.report(report)
        finally:
            self._running.pop(running.job.record.id, None)

    async def _end(self, job: Record) -> None:
        running = self._running.get(job.id)
        if running is not None:
            running.cancel()
            await running.over()

    async def _remove(self, *paths: Path) -> None:
        try:
            await remove_tree(self._shop.programs, *paths)
        except ProgramFailed as error:
            raise BackendError(f"not all is removed: {error}") from None


class _Running:
    """A job that is worked on."""

    def __init__(self, job: LocalJob) -> None:
        self.job = job
        self._waiting: list[Deferred[Report | None]] = []
        self._cancelled = False
        self._over = False
        self._report: Report | None = None
        self._work = Deferred.fromCoroutine(job.run())
        self._work.addBoth(self._ended)

    def cancel(self) -> None:
        """Hold it, once: it takes care of what is under way."""
        if not (self._cancelled or self._over):
            self._cancelled = True
            self._work.cancel()

    def over(self) -> Deferred[Report | None]:
        """Fires when nothing of it runs any more, with how it has ended; C{None}: cancelled."""
        over: Deferred[Report | None] = Deferred()
        self._waiting.append(over)
        if self._over:
            self._tell()
        return over

    def _ended(self, result: Any) -> None:
        self._over = True
        if isinstance(result, Report) and not self._cancelled:
            self._report = result
        elif not isinstance(result, Report):
            result.trap(CancelledError)
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(self._report)


def _folders_of_others(work_dir: Path, known: Collection[str]) -> list[Path]:
    """The folders of jobs that are none of those with these ids."""
    return [one for one in work_dir.iterdir() if one.name not in known and _is_id(one.name)]


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
