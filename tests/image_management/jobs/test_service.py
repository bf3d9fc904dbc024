"""Jobs and their records: what comes first, and what is left when something fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from httpd.web.problems import Problem
from image_management.jobs.backend import BackendError, Report
from image_management.jobs.service import JobService
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.words import JobStatus
from image_management.store.store import Store
from tests.image_management.jobs.samples import Prepared, Remembering, job_record
from tests.image_management.store.case import CREATED, OnSqlite, StoreCase


class Watching(Remembering):
    """Looks into the store when it begins a job."""

    seen: Record
    store: Store

    is_deleted = False

    async def start(self, job: Any) -> Mapping[str, Any]:
        self.seen = await self.store.get(Kind.JOB, job.record.id)
        if self.is_deleted:
            await self.store.remove(Kind.JOB, job.record.id)
        return await super().start(job)


class JobServiceTests(OnSqlite, StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.store = self.open_store()
        self.service = self.make(self.store)

    def make(self, store: Store) -> JobService:
        def made(report: Any) -> Remembering:
            self.backend = Watching(report)
            self.backend.store = store
            return self.backend

        return JobService(store, Prepared(), made, self.clock)

    async def create(self, **members: Any) -> Record:
        return await self.service.create(members, CREATED)

    async def jobs(self) -> list[Record]:
        return await self.store.list_records(Kind.JOB)

    async def test_record_first(self) -> None:
        """With the names of all that is going to be made."""
        job = await self.create()
        self.assertEqual(self.backend.seen, job)
        document = job.document
        self.assertEqual((document["backend"], document["status"]), ("remembering", "creating"))
        self.assertEqual(document["kubernetes_namespace"], "planned")

    async def test_start_fails(self) -> None:
        """No record stays, not even where something is left of it."""
        for failing in ({"start"}, {"start", "remove"}):
            self.backend.failing = failing
            with self.assertRaises(Problem) as refused:
                await self.create()
            self.assertEqual(
                (refused.exception.status, refused.exception.detail), (502, "cannot start")
            )
            self.assertEqual([what for what, _ in self.backend.done], ["start", "remove"])
            self.backend.done.clear()
            self.assertEqual(await self.jobs(), [])

    async def test_otherwise_than_planned(self) -> None:
        self.backend.otherwise = {"kubernetes_namespace": None}
        job = await self.create()
        self.assertIsNone(job.document["kubernetes_namespace"])
        self.assertEqual(await self.jobs(), [job])

    async def test_deleted_as_it_was_made(self) -> None:
        """What was made after that is taken back."""
        self.backend.is_deleted = True
        for self.backend.otherwise in ({}, {"kubernetes_namespace": None}):
            with self.assertRaises(Problem) as refused:
                await self.create()
            self.assertEqual(refused.exception.status, 409)
            self.assertEqual([what for what, _ in self.backend.done], ["start", "remove"])
            self.backend.done.clear()
            self.assertEqual(await self.jobs(), [])

    async def test_no_backend(self) -> None:
        self.service = JobService(self.store, Prepared(), None, self.clock)
        with self.assertRaises(Problem) as refused:
            await self.create()
        self.assertEqual(refused.exception.status, 503)
        self.assertEqual(await self.jobs(), [])

    async def test_reports(self) -> None:
        job = await self.create()

        async def after(**report: Any) -> tuple[str, str, str]:
            await self.backend.report(Report(job.id, **report))
            document = (await self.store.get(Kind.JOB, job.id)).document
            [container] = document["ssh_containers"]
            return document["status"], document["status_reason"], container["status"]

        for status, container in (
            (JobStatus.CREATING, "pending"),
            (JobStatus.FETCHING_IMAGE, "establishing"),
            (JobStatus.WAITING_ON_USER, "active"),
            (JobStatus.PACKAGING_ARTIFACTS, "complete"),
        ):
            self.assertEqual(await after(status=status), (status, "", container))
        await after(port=2022)
        document = (await self.store.get(Kind.JOB, job.id)).document
        places = document["ssh_containers"][0]["connection_info"]
        self.assertEqual(places["cluster.local"], {"host": "here", "port": 2022})
        self.assertEqual(places["customer_access"], {"host": "here", "port": 2022})
        self.assertEqual(
            await after(status=JobStatus.ERROR, reason="pod gone", inferred=True),
            ("error", "pod gone", "complete"),
        )
        self.assertEqual(self.backend.done[-1], ("release", job.id))
        # What the job says itself counts more, and comes late.
        now = await self.store.get(Kind.JOB, job.id)
        changed = await self.service.change(now, {"status": "success"})
        self.assertEqual(
            (changed.document["status"], changed.document["status_reason"]), ("success", "")
        )
        self.assertEqual(
            await after(status=JobStatus.ERROR, reason="gone", inferred=True),
            ("success", "", "complete"),
        )
        self.assertEqual(self.service.counts(), {("success", "customize"): 1})
        ended = {("error", "customize"): 1, ("success", "customize"): 1}
        self.assertEqual(self.service.ended, ended)
        await self.store.remove(Kind.JOB, job.id)
        await self.backend.report(Report(job.id, JobStatus.ERROR))

    async def test_release_fails(self) -> None:
        """What its containers say is not taken; what the backend says is, once it is possible."""
        job = await self.create()
        self.backend.failing = {"release"}
        with self.assertRaises(Problem) as refused:
            await self.service.change(job, {"status": "success"})
        self.assertEqual(refused.exception.status, 502)
        self.assertEqual((await self.store.get(Kind.JOB, job.id)).document["status"], "creating")
        tried: Deferred[None] = Deferred()
        self.backend.release = self._then(tried)  # type: ignore[method-assign]
        reporting = Deferred.fromCoroutine(
            self.backend.report(Report(job.id, JobStatus.ERROR, "no disk"))
        )
        await tried
        self.assertFalse(reporting.called)
        del self.backend.release
        self.backend.failing.clear()
        while not self.clock.getDelayedCalls():
            await self.store.check()
        self.clock.advance(1)
        await reporting
        self.assertEqual((await self.store.get(Kind.JOB, job.id)).document["status"], "error")

    def _then(self, tried: Deferred[None]) -> Any:
        async def release(job: Record) -> None:
            tried.callback(None)
            raise BackendError("cannot release")

        return release

    async def test_finish(self) -> None:
        job = await self.create()
        with self.assertRaises(Problem) as refused:
            await self.service.finish(job, failed=False)
        self.assertEqual(refused.exception.status, 409)
        await self.backend.report(Report(job.id, JobStatus.WAITING_ON_USER))
        waiting = await self.store.get(Kind.JOB, job.id)
        for failed, verb in ((False, "finish"), (False, "finish"), (True, "fail")):
            await self.service.finish(waiting, failed=failed)
            self.assertEqual(self.backend.done[-1], (verb, job.id))
        self.backend.failing = {"finish"}
        with self.assertRaises(Problem) as refused:
            await self.service.finish(waiting, failed=False)
        self.assertEqual(refused.exception.status, 502)

    async def test_remove(self) -> None:
        job = await self.create()
        self.backend.failing = {"remove"}
        with self.assertRaises(BackendError):
            await self.service.remove(job)
        self.assertEqual(await self.jobs(), [job])
        self.backend.failing.clear()
        await self.service.remove(job)
        self.assertEqual(await self.jobs(), [])
        self.assertEqual(self.service.counts(), {})

    async def test_others_jobs(self) -> None:
        """They are shown and deleted, and nothing is done about them."""
        other = await self.store.add(job_record(backend="kubernetes", status="waiting_on_user"))
        own = await self.create()
        self.backend.done.clear()
        with self.assertRaises(Problem) as refused:
            await self.service.finish(other, failed=False)
        self.assertEqual(refused.exception.status, 409)
        self.service.startService()
        while not self.backend.recovered:
            await self.store.check()
        self.assertEqual(self.backend.recovered, [own])
        await self.service.change(other, {"status": "error"})
        await self.service.remove(other)
        self.assertEqual(self.backend.done, [])
        await self.service.stopService()
        self.assertEqual(self.backend.done, [("stop", "")])

    async def test_a_job_that_is_being_made(self) -> None:
        """It is no earlier process's."""
        begun: Deferred[None] = Deferred()
        going_on: Deferred[None] = Deferred()
        start = self.backend.start

        async def slow(job: Any) -> Mapping[str, Any]:
            begun.callback(None)
            await going_on
            return await start(job)

        self.backend.start = slow  # type: ignore[method-assign]
        other = await self.store.add(job_record(backend="remembering"))
        creating = Deferred.fromCoroutine(self.create())
        await begun
        self.service.startService()
        while not self.backend.recovered:
            await self.store.check()
        self.assertEqual(self.backend.recovered, [other])
        going_on.callback(None)
        await creating
        await self.service.stopService()

    async def test_taken_back(self) -> None:
        """A POST that a crash has cut off was never answered."""
        cut_off, other = await self.create(), await self.create()
        self.backend.never_begun = [cut_off.id]
        self.service.startService()
        while len(await self.jobs()) > 1:
            pass
        self.assertEqual(await self.jobs(), [other])
        await self.service.stopService()
