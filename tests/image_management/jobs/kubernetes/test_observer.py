"""Jobs that cannot say any more what has become of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.backend import Report
from image_management.jobs.kubernetes.api import ApiError
from image_management.jobs.kubernetes.observer import HOLD_SECONDS, LOOK_SECONDS, Observer
from image_management.jobs.kubernetes.pods import unix_time
from image_management.jobs.kubernetes.resources import JOB, POD, Object
from image_management.jobs.kubernetes.sights import ASK_SECONDS, Sights
from image_management.jobs.kubernetes.verdicts import Sight
from image_management.jobs.progress import reported
from image_management.records.record import Record
from image_management.records.words import JobStatus
from image_management.store.errors import StoreUnavailable
from image_management.values import time_text
from tests.engines.kubernetes.kubelet import ended_with, now
from tests.engines.kubernetes.orders import CUT, FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.image_management.jobs.kubernetes.observing import ObservingCase, with_members
from tests.image_management.jobs.kubernetes.test_verdicts import (
    COMPLETE,
    CREATED,
    FAILED,
    NO_MEMORY,
    OOM,
    RUNNING,
    WELL,
    a_job,
    a_pod,
    waits,
)
from tests.image_management.jobs.samples import job_record

PENDING_SECONDS = 1800.0
BEGUN = "building_image"


def versions(things: Iterable[Object]) -> set[tuple[str, str]]:
    """Of objects, beside their names."""
    return {(one["metadata"]["name"], one["metadata"]["resourceVersion"]) for one in things}


class Told:
    """L{Sights} of what a test says."""

    def __init__(self) -> None:
        self.sights: dict[str, Sight] = {}
        self.claim: Object | None = None
        self.trouble: set[str] = set()
        self.claims_asked = 0

    async def until_known(self) -> None:
        pass

    async def of(self, job: Record) -> Sight:
        if job.id in self.trouble:
            raise ApiError("GET of Job x", "connection refused")
        return self.sights[job.id]

    async def claim_of(self, job: Record) -> Object | None:
        self.claims_asked += 1
        return self.claim


class ObserverTests(SynchronousTestCase):
    """What is seen is said by a test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.now = unix_time(CREATED)
        self.told = Told()
        self.jobs: Sequence[Record] = []
        self.store_is_away = False
        self.reports: list[Report] = []
        self.written: Deferred[None] | None = None
        self.observer = Observer(
            cast(Any, self.told),
            self.list_jobs,
            self.report,
            self.clock,
            lambda: self.now + self.clock.seconds(),
            PENDING_SECONDS,
        )

    async def list_jobs(self) -> Sequence[Record]:
        if self.store_is_away:
            raise StoreUnavailable("away")
        return self.jobs

    async def report(self, report: Report) -> None:
        self.reports.append(report)
        if self.written is not None:
            await self.written
        self.jobs = [
            replace(job, document=reported(job, report)) if job.id == report.job_id else job
            for job in self.jobs
        ]

    def start(self, *sights: Sight, status: str = BEGUN) -> None:
        """Observe jobs of which that is seen."""
        self.jobs = [with_members(job_record(), status=status, created=CREATED) for _ in sights]
        for job, sight in zip(self.jobs, sights, strict=True):
            self.told.sights[job.id] = sight
        self.observer.startService()
        self.addCleanup(lambda: maybeDeferred(self.observer.stopService))

    def see(self, sight: Sight, place: int = 0) -> None:
        self.told.sights[self.jobs[place].id] = sight

    def wait(self, seconds: float) -> list[str]:
        """Let time go by, as a reactor does; the reasons that were reported meanwhile."""
        before = len(self.reports)
        self.clock.pump([1.0] * int(seconds))
        return [one.reason for one in self.reports[before:]]

    def test_reported_later(self) -> None:
        """Once it has had its time to say so itself."""
        self.start(Sight(a_job(), [a_pod(WELL, RUNNING)]))
        self.assertEqual(self.wait(100), [])
        self.see(Sight(FAILED, [a_pod(WELL, OOM, phase="Failed")]))
        self.assertEqual(self.wait(HOLD_SECONDS - 1), [])
        self.assertEqual(self.wait(LOOK_SECONDS + 1), [NO_MEMORY])
        [report] = self.reports
        expected = Report(self.jobs[0].id, JobStatus.ERROR, NO_MEMORY, inferred=True)
        self.assertEqual(report, expected)

    def test_it_says_so_itself(self) -> None:
        for status in (JobStatus.SUCCESS, JobStatus.ERROR):
            self.start(Sight(COMPLETE))
            self.assertEqual(self.wait(HOLD_SECONDS - 1), [])
            self.jobs = [with_members(self.jobs[0], status=status)]
            self.assertEqual(self.wait(100), [])
            self.successResultOf(maybeDeferred(self.observer.stopService))

    def test_deleted_meanwhile(self) -> None:
        self.start(Sight(None))
        self.wait(HOLD_SECONDS - 1)
        self.jobs = []
        self.assertEqual(self.wait(100), [])

    def test_what_tells_most(self) -> None:
        """Whether it is seen before or after what tells less, and from when that was seen on."""
        oom, failed, gone = Sight(a_job(), [a_pod(OOM)]), Sight(FAILED), Sight(None)
        for sights in ((oom, failed, gone), (failed, oom, gone), (failed, gone, oom)):
            self.start(sights[0])
            for sight in sights[1:]:
                self.assertEqual(self.wait(10), [])
                self.see(sight)
            self.assertEqual(self.wait(HOLD_SECONDS - 20), [NO_MEMORY.replace("c1", "c0")])
            self.successResultOf(maybeDeferred(self.observer.stopService))

    def test_it_goes_on_after_all(self) -> None:
        """What is not so any more does not count."""
        self.start(Sight(FAILED))
        for _ in range(3):
            self.assertEqual(self.wait(HOLD_SECONDS - 5), [])
            self.see(Sight(a_job(), [a_pod(WELL, RUNNING)]))
            self.assertEqual(self.wait(10), [])
            self.see(Sight(FAILED))
        self.assertEqual(len(self.wait(HOLD_SECONDS + LOOK_SECONDS)), 1)

    def test_between_the_ends_of_its_pod_and_its_own(self) -> None:
        """What its pod has told is not forgotten."""
        self.start(Sight(a_job(), [a_pod(OOM)]))
        self.assertEqual(self.wait(10), [])
        self.see(Sight(a_job()))
        self.assertEqual(self.wait(100), [])
        self.see(Sight(FAILED))
        self.assertEqual(self.wait(LOOK_SECONDS + HOLD_SECONDS), [NO_MEMORY.replace("c1", "c0")])

    def test_each_for_itself(self) -> None:
        """One that cannot be looked at keeps none of the others from it."""
        self.start(Sight(FAILED), Sight(a_job()), Sight(COMPLETE))
        self.told.trouble.add(self.jobs[0].id)
        self.wait(HOLD_SECONDS + LOOK_SECONDS)
        self.assertEqual([one.job_id for one in self.reports], [self.jobs[2].id])
        self.told.trouble.clear()
        self.jobs = self.jobs[:2]
        self.wait(HOLD_SECONDS + LOOK_SECONDS)
        self.assertEqual(self.reports[-1].job_id, self.jobs[0].id)

    def test_written_once(self) -> None:
        """However long it takes to write it down, which keeps no other from being written."""
        self.written = Deferred()
        self.start(Sight(FAILED), Sight(a_job()))
        self.wait(100)
        self.see(Sight(FAILED), 1)
        self.wait(100)
        self.assertEqual([one.job_id for one in self.reports], [job.id for job in self.jobs])
        self.written.callback(None)
        self.jobs = []
        self.assertEqual(self.wait(100), [])

    def test_stopped_while_it_is_written(self) -> None:
        cancelled: list[Deferred[None]] = []
        self.written = Deferred(cancelled.append)
        self.start(Sight(FAILED))
        self.wait(100)
        self.successResultOf(maybeDeferred(self.observer.stopService))
        self.assertEqual(cancelled, [self.written])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.written = None

    def test_the_store_is_away(self) -> None:
        self.start(Sight(FAILED))
        self.store_is_away = True
        self.assertEqual(self.wait(100), [])
        self.store_is_away = False
        self.assertEqual(len(self.wait(LOOK_SECONDS)), 1)

    def test_not_made_yet(self) -> None:
        """A new job has no Job before all else of it is made; one that has begun has had one."""
        self.start(Sight(None), status="creating")
        self.assertEqual(self.wait(1000), [])
        self.see(Sight(a_job()))
        self.assertEqual(self.wait(10), [])
        self.see(Sight(None))
        reasons = self.wait(HOLD_SECONDS + LOOK_SECONDS)
        self.assertEqual(reasons, ["its Job is gone: somebody has deleted it"])

    def test_never_made(self) -> None:
        self.start(Sight(None), status="creating")
        self.assertEqual(self.wait(PENDING_SECONDS + HOLD_SECONDS - 1), [])
        reasons = self.wait(LOOK_SECONDS + 1)
        self.assertEqual(reasons, ["no progress for 1800 s: it has no Job"])

    def test_no_progress(self) -> None:
        """The claim is asked for where nothing else says why."""
        self.start(Sight(a_job()), status="creating")
        self.told.claim = {"metadata": {"name": "scratch"}, "status": {"phase": "Pending"}}
        self.assertEqual(self.wait(PENDING_SECONDS - LOOK_SECONDS), [])
        self.assertEqual(self.told.claims_asked, 0)
        reasons = self.wait(LOOK_SECONDS + HOLD_SECONDS + LOOK_SECONDS)
        self.assertEqual(
            reasons, ["no progress for 1800 s: claim scratch is not Bound, but Pending"]
        )

    def test_nothing_is_heard(self) -> None:
        """Since its container began, a minute after it was made."""
        self.start(Sight(a_job(), [a_pod(RUNNING)]), status="creating")
        self.told.claim = {"metadata": {"name": "scratch"}, "status": {"phase": "Bound"}}
        self.assertEqual(self.wait(60 + PENDING_SECONDS + HOLD_SECONDS - 1), [])
        reasons = self.wait(LOOK_SECONDS + 1)
        self.assertEqual(reasons, ["no progress for 1800 s: nothing is heard of it"])

    def test_progress_of_a_job_that_has_begun(self) -> None:
        """It may take its time, but for containers that do not start."""
        self.start(Sight(a_job(), [a_pod(RUNNING, waits("PodInitializing"))]))
        self.now += 1_000_000
        self.assertEqual(self.wait(100), [])
        self.see(Sight(a_job(), [a_pod(WELL, waits("ImagePullBackOff", "no such image"))]))
        reasons = self.wait(HOLD_SECONDS + LOOK_SECONDS)
        text = "container c1 does not start: ImagePullBackOff: no such image"
        self.assertEqual(reasons, [f"no progress for 1800 s: {text}"])
        self.assertEqual(self.told.claims_asked, 0)


class SeenTests(ObservingCase):
    """What is seen is what there is."""

    def setUp(self) -> None:
        super().setUp()
        self.records: dict[str, Record] = {}
        self.reports: list[Report] = []
        self.now = time.time()

    async def report(self, report: Report) -> None:
        self.reports.append(report)
        job = self.records[report.job_id]
        self.records[job.id] = replace(job, document=reported(job, report))

    async def list_jobs(self) -> Sequence[Record]:
        return [*self.records.values()]

    def observe(self, *jobs: Record) -> None:
        """Begin to look at jobs."""
        self.records |= {job.id: job for job in jobs}
        self.job_mirror, self.pod_mirror = self.mirror(JOB), self.mirror(POD)
        sights = Sights(self.api, self.job_mirror, self.pod_mirror, self.clock)
        observer = Observer(
            sights,
            self.list_jobs,
            self.report,
            self.clock,
            lambda: self.now + self.clock.seconds(),
            PENDING_SECONDS,
        )
        self.run_service(observer)

    async def observed(self, **members: Any) -> Record:
        """A job that is looked at, and its pod, too."""
        job = await self.make_job(**members)
        self.observe(job)
        await self.seen(job)
        return job

    async def seen(self, job: Record) -> None:
        """Wait until all of it is seen as it is."""
        for resource, mirror in (("jobs", self.job_mirror), ("pods", self.pod_mirror)):
            there = versions(await self.bed.client.items(resource, f"ims-job-id={job.id}"))
            await self.until(lambda: there <= versions(mirror.objects.values()))  # noqa: B023

    async def look(self) -> None:
        """Have all be looked at, once the look before that is over."""
        await self.until(self.clock.getDelayedCalls)
        self.clock.advance(LOOK_SECONDS)

    async def reason(self, job: Record) -> str:
        """Why a job is reported, within a minute."""
        took = await self.until_later(lambda: self.reports)
        self.assertGreaterEqual(took, HOLD_SECONDS)
        self.assertLessEqual(took, HOLD_SECONDS + 2 * LOOK_SECONDS)
        [report] = self.reports
        self.assertEqual(report, Report(job.id, JobStatus.ERROR, report.reason, inferred=True))
        return report.reason

    async def test_out_of_memory(self) -> None:
        job = await self.observed(status=BEGUN)
        await self.bed.kubelet.out_of_memory(job.document["kubernetes_job"], "main")
        await self.seen(job)
        text = "container main was OOMKilled: it needs more memory than its node has"
        self.assertEqual(await self.reason(job), text)

    async def test_evicted(self) -> None:
        job = await self.observed(status=BEGUN)
        await self.bed.kubelet.evict(job.document["kubernetes_job"])
        await self.seen(job)
        text = "pod evicted: The node was low on resource: memory."
        self.assertEqual(await self.reason(job), text)

    async def test_lost_with_its_node(self) -> None:
        """Its pod goes in the end, too: what was seen of it stays."""
        job = await self.observed(status=BEGUN)
        name = job.document["kubernetes_job"]
        pod = await self.bed.kubelet.pod_of(name)
        said = {"reason": "DeletionByTaintManager", "message": "Taint manager: deleting"}
        said["lastTransitionTime"] = now()  # or it would be taken for stale
        condition = {"type": "DisruptionTarget", "status": "True", **said}
        await self.bed.kubelet.set_status(pod, conditions=[condition])
        await self.seen(job)
        await self.look()
        await self.bed.client.delete("pods", pod)
        await self.bed.kubelet.ended(name)
        await self.seen(job)
        await self.until_later(lambda: self.reports)
        self.assertIn("pod lost with its node", self.reports[0].reason)
        self.assertIn("DeletionByTaintManager: Taint manager: deleting", self.reports[0].reason)

    async def test_a_container_fails(self) -> None:
        job = await self.observed(status=BEGUN)
        await self.bed.kubelet.fail(job.document["kubernetes_job"], "fetch", ended_with(22))
        await self.seen(job)
        self.assertEqual(await self.reason(job), "container fetch ended with exit status 22")

    async def test_complete_without_a_word(self) -> None:
        job = await self.observed(status=BEGUN)
        await self.bed.kubelet.succeed(job.document["kubernetes_job"])
        await self.seen(job)
        self.assertIn("its Job is complete", await self.reason(job))

    async def test_gone(self) -> None:
        """Also where nobody has seen it: a job that has begun has had one."""
        for is_seen in (True, False):
            job = await self.make_job(status=BEGUN)
            name = job.document["kubernetes_job"]
            if is_seen:
                self.observe(job)
                await self.seen(job)
                await self.look()
            await self.bed.client.delete("jobs", name, propagationPolicy="Background")
            await self.until(lambda: name not in self.job_mirror.objects)  # noqa: B023
            self.records[job.id] = job
            self.assertIn("its Job is gone", await self.reason(job))
            self.reports.clear()

    async def test_does_not_begin(self) -> None:
        """For half an hour; each has its own reason."""
        kubelet = self.bed.kubelet
        for hinder, text in (
            (
                kubelet.unschedulable,
                "its pod cannot be scheduled: Unschedulable: 0/1 nodes: Insufficient memory.",
            ),
            (
                lambda name: kubelet.cannot_pull(name, "fetch"),
                "container fetch does not start: ImagePullBackOff: Back-off pulling image: not"
                " found",
            ),
        ):
            job = await self.make_job(created=time_text(self.now))
            self.records = {job.id: job}
            await hinder(job.document["kubernetes_job"])
            if not hasattr(self, "job_mirror"):
                self.observe()
            await self.seen(job)
            await self.look()
            self.assertEqual(self.reports, [])
            self.now += PENDING_SECONDS
            self.assertEqual(await self.reason(job), f"no progress for 1800 s: {text}")
            self.reports.clear()

    async def test_seen_late(self) -> None:
        """Nothing is said of a job before its pods were seen: they know why."""
        job = await self.make_job(created=time_text(self.now))
        await self.bed.kubelet.cannot_pull(job.document["kubernetes_job"], "fetch")
        self.now += PENDING_SECONDS
        self.bed.fail("list", "pods", UNAVAILABLE, FOR_GOOD)
        self.observe(job)
        await self.until_later(lambda: self.clock.seconds() > 2 * HOLD_SECONDS)
        self.assertEqual(self.reports, [])
        self.bed.heal()
        await self.until_later(lambda: self.pod_mirror.of_job(job.id))
        self.assertIn("container fetch does not start", await self.reason(job))

    async def test_unbound_claim(self) -> None:
        job = await self.make_job(created=time_text(self.now))
        name = job.document["kubernetes_pvc"]
        claim = {
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}},
        }
        await self.bed.client.create("persistentvolumeclaims", claim)
        self.observe(job)
        await self.seen(job)
        self.now += PENDING_SECONDS
        text = f"no progress for 1800 s: claim {name} is not Bound, but Pending"
        self.assertEqual(await self.reason(job), text)

    async def test_forbidden(self) -> None:
        """Jobs that may not be watched are asked for, and reported all the same."""
        for verb in ("list", "watch"):
            self.bed.fail(verb, "*", FORBIDDEN, FOR_GOOD)
        told = self.told_of("permission is missing")
        failing, going = await self.make_job(status=BEGUN), await self.make_job(status=BEGUN)
        self.observe(failing, going)
        await self.until_later(lambda: self.clock.seconds() > 100)
        self.assertEqual(self.reports, [])
        await self.bed.kubelet.out_of_memory(failing.document["kubernetes_job"], "main")
        await self.until_later(lambda: self.reports)
        # The pods may not be seen.
        text = "its Job failed: BackoffLimitExceeded: Job has reached the specified backoff limit"
        self.assertEqual([(one.job_id, one.reason) for one in self.reports], [(failing.id, text)])
        self.assertEqual(len(told), 2)
        asked = [one.name for one in self.bed.requests if one.verb == "get"]
        self.assertEqual({*asked}, {job.document["kubernetes_job"] for job in (failing, going)})
        most = self.clock.seconds() / ASK_SECONDS + 1
        self.assertLessEqual(asked.count(going.document["kubernetes_job"]), most)

    async def test_no_telling(self) -> None:
        """A server that does not answer says nothing of any job."""
        job = await self.make_job(status=BEGUN)
        self.bed.fail("*", "*", CUT, FOR_GOOD)
        self.observe(job)
        await self.until_later(lambda: self.clock.seconds() > 300)
        self.assertEqual(self.reports, [])

    async def test_two_replicas(self) -> None:
        """The second finds a job that is over, and leaves it so."""
        job = await self.observed(status=BEGUN)
        self.observe(job)
        await self.seen(job)
        await self.bed.kubelet.out_of_memory(job.document["kubernetes_job"], "main")
        await self.seen(job)
        await self.until_later(lambda: self.records[job.id].document["status"] == "error")
        reason = self.reports[0].reason
        success = {**self.records[job.id].document, "status": "success", "status_reason": ""}
        self.records[job.id] = replace(job, document=success)
        late = Report(job.id, JobStatus.ERROR, reason, inferred=True)
        await self.report(late)
        self.assertEqual(self.records[job.id].document, success)
