"""A service that is killed between any two of its requests: after a restart nothing is orphaned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock, deferLater

from image_management.jobs.backend import BackendError
from image_management.records.record import Record
from image_management.records.words import JobStatus
from tests.engines.kubernetes.orders import FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.kubernetes.making import MADE, MakingCase, running
from tests.image_management.store.case import CREATED

POST = 8
"""Requests that the making of a job takes: a Secret read, six objects made, and one to spare."""

DELETE = 6


class InterruptedTests(MakingCase):
    async def kill_in(self, doing: Any, after: int, *, done: bool) -> bool:
        """
        Do something with a service that ends for good at one of its requests.

        @param doing: is given the service.
        @return: whether it was still at it.
        """
        # What nobody lets go on does not go on: its time has stopped.
        killed = self.make_service(Clock())
        stopped = self.double.stop_answering(after, done=done)
        going_on = running(doing(killed))
        while not (stopped.called or going_on.called):
            await deferLater(trial_reactor(), 0)
        was_killed = not going_on.called
        if was_killed:
            going_on.addErrback(lambda _: None)
        self.double.go_on()
        return was_killed

    async def restart(self) -> None:
        """Another process begins, and has done what it does first."""
        service = self.make_service()
        service.startService()
        begun = service._running  # it ends once it has gone on with everything
        assert begun is not None
        await begun
        await maybeDeferred(service.stopService)

    async def test_post(self) -> None:
        await self.have_signing_keys()

        async def post(service: Any) -> None:
            await service.create({}, CREATED)

        kills = 0
        for after in range(POST):
            for done in (False, True):
                told = f"after {after} requests, done: {done}"
                if not await self.kill_in(post, after, done=done):
                    break
                kills += 1
                await self.restart()
                if jobs := await self.jobs():
                    # Everything was made but for the answer.
                    self.assertEqual((after, done), (POST - 2, True))
                    await self.assert_whole(jobs[0], told)
                    await self.service.remove(jobs[0])
                await self.assert_nothing(told)
        self.assertEqual(kills, 2 * (POST - 1))

    async def test_delete(self) -> None:
        await self.have_signing_keys()
        kills = 0
        for after in range(DELETE):
            for done in (False, True):
                told = f"after {after} requests, done: {done}"
                job = await self.running_job()

                async def delete(service: Any, job: Record = job) -> None:
                    await service.remove(job)

                if await self.kill_in(delete, after, done=done):
                    kills += 1
                    await self.restart()
                    # What is left has a record; to delete it again is fine.
                    self.assertEqual([one.id for one in await self.jobs()], [job.id], told)
                    await self.service.remove(job)
                await self.assert_nothing(told)
        self.assertEqual(kills, 2 * DELETE)

    async def running_job(self) -> Record:
        job = await self.create()
        return await self.service.change(job, {"status": JobStatus.WAITING_ON_USER})

    async def test_delete_of_a_new_job(self) -> None:
        """A job that was never answered for may be taken back instead."""
        for after in range(1, DELETE):
            job = await self.create()

            async def delete(service: Any, job: Record = job) -> None:
                await service.remove(job)

            if await self.kill_in(delete, after, done=True):
                await self.restart()
            await self.assert_nothing(f"after {after} requests")

    async def test_a_job_that_is_made_by_another_replica(self) -> None:
        """It is let alone for a while."""
        job = await self.create()
        await self.double.client.delete("jobs", job.document["kubernetes_job"])
        made = [one for one in MADE if one not in {"jobs", "secrets"}]
        service = self.make_service(grace_seconds=900, now=_just_made)
        service.startService()
        assert service._running is not None
        await service._running
        self.assertEqual((self.made(), len(await self.jobs())), (made, 1))
        await maybeDeferred(service.stopService)
        await self.restart()
        await self.assert_nothing()


class RemovalTests(MakingCase):
    async def test_remove(self) -> None:
        """All of it, in the background what belongs to it; what is gone is fine."""
        await self.have_signing_keys()
        job = await self.create()
        await self.double.kubelet.pod_of(job.document["kubernetes_job"])
        await self.double.client.delete("services", job.document["kubernetes_service"])
        await self.service.remove(job)
        await self.assert_nothing()

    async def test_failing(self) -> None:
        """The record stays, and who deletes is told what is left; the rest is gone."""

        job = await self.create()
        for resource in ("jobs", "services"):
            self.double.fail("delete", resource, FORBIDDEN, FOR_GOOD)
        for _ in range(2):
            with self.assertRaises(BackendError) as failed:
                await self.service.remove(job)
            told = str(failed.exception)
            self.assertIn("delete of Job cray-ims-", told)
            self.assertEqual([one.id for one in await self.jobs()], [job.id])
        self.double.heal()
        await self.service.remove(job)
        await self.assert_nothing()

    async def test_release(self) -> None:
        """A job that is over gives back its storage and its address; and its word is taken then."""

        for status in ("success", "error"):
            job = await self.create()
            pod = await self.double.kubelet.pod_of(job.document["kubernetes_job"])
            await self.double.client.patch("pods", pod, {"spec": {"nodeName": "node"}})
            self.double.fail("delete", "persistentvolumeclaims", FORBIDDEN, FOR_GOOD)
            detail = await self.refusal(self.service.change(job, {"status": status}))
            self.assertIn("delete of PersistentVolumeClaim cray-ims-", detail)
            [stored] = await self.jobs()
            self.assertEqual(stored.document["status"], "creating")
            self.double.heal()
            self.double.fail("delete", "services", UNAVAILABLE, 3)
            for _ in range(2):
                changed = await self.service.change(job, {"status": status})
                self.assertEqual(changed.document["status"], status)
            # The claim goes once the pod does not use it any more.
            [claim] = self.things("persistentvolumeclaims")
            self.assertIn("deletionTimestamp", claim["metadata"])
            self.assertEqual(self.made(), ["configmaps", "jobs", "persistentvolumeclaims"])
            await self.service.remove(job)
            await self.assert_nothing()

    async def test_finish(self) -> None:
        job = await self.service.change(await self.create(), {"status": "waiting_on_user"})
        await self.service.finish(job, failed=True)
        self.assertEqual(self.turns.ended, (job.id, True))


def _just_made() -> float:
    return datetime.fromisoformat(CREATED).timestamp() + 1
