"""
The real service, killed between any two requests that it makes of Kubernetes, and started again;
what it leaves in the cluster and in its records is looked at from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater

from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.failing_server import FailingServer
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.web.serving import Answer
from tests.image_management.jobs.kubernetes.running import Jobs, start_jobs

_POLL_SECONDS = 0.02

Moment = tuple[int, bool]
"""How many requests are answered before, and whether the next is done all the same."""


class Killed(KubernetesTestCase):
    """A service that dies while it makes or deletes a job."""

    double: FailingServer
    jobs: Jobs

    async def begin(self) -> None:
        """Have a service, and all that jobs need; there are keys that packages are signed by."""
        self.double = self.start_kubernetes()
        keys = {"metadata": {"name": "hpe-signing-key"}, "data": {"key": "a2V5"}}
        await self.double.client.within("services").create("secrets", keys)
        self.jobs = await start_jobs(self, self.double)
        await self.jobs.prepare()

    async def die_within(self, moment: Moment, method: str, path: str, body: Any = None) -> bool:
        """
        Ask for something, and have the service die at a moment; then start it again.

        @return: whether it came to that, before it was done.
        """
        reached = self.double.stop_answering(moment[0], done=moment[1])
        asked: Deferred[Any] = Deferred.fromCoroutine(self.jobs.ims.ask(method, path, body))
        asked.addErrback(lambda failure: failure.trap(ConnectionClosed, ConnectError, IndexError))
        first, _ = await DeferredList([asked, reached], fireOnOneCallback=True)
        if isinstance(first, Answer):
            self.double.go_on()
            self.assertIn(first.status, {201, 204}, first.text)
            return False
        await self.jobs.kill()
        await asked
        self.double.go_on()
        await self.jobs.start()
        return True

    async def check_nothing_orphaned(self) -> list[str]:
        """
        Wait until there is nothing in the cluster but of jobs that are recorded, and no record of a
        job of which something is missing.

        @return: the ids of the jobs that there are.
        """
        while True:
            ids: list[str] = await self.jobs.ims.lists("/v3/jobs")
            there = await self.double.everything("ims-job-id")
            if sorted(one for one in there if not one.startswith("pods/")) == sorted(
                one for id in ids for one in objects_of(id)
            ):
                return ids
            await deferLater(trial_reactor(), _POLL_SECONDS)

    async def remove(self, id: str) -> None:
        """Delete a job, if it is there, so that nothing of it stays."""
        answer = await self.jobs.ims.ask("DELETE", f"/v3/jobs/{id}")
        self.assertIn(answer.status, {204, 404}, answer.text)
        self.assertEqual(await self.check_nothing_orphaned(), [])

    async def check_posts(self, moments: Iterable[Moment]) -> int:
        """
        A job whose making is cut off is taken back, or all of it is there.

        @return: how often the service died.
        """
        deaths = 0
        for moment in moments:
            if not await self.die_within(moment, "POST", "/v3/jobs", self.jobs.wanted()):
                break
            deaths += 1
            for id in await self.check_nothing_orphaned():
                await self.remove(id)
        return deaths

    async def check_deletes(self, moments: Iterable[Moment]) -> int:
        """
        A job whose deletion is cut off is there still, and can be deleted again.

        @return: how often the service died.
        """
        deaths = 0
        for moment in moments:
            id = (await self.jobs.make())["id"]
            self.assertEqual(await self.check_nothing_orphaned(), [id])
            if not await self.die_within(moment, "DELETE", f"/v3/jobs/{id}"):
                break
            deaths += 1
            await self.remove(id)
        return deaths


def objects_of(id: str, job_type: str = "customize", *, keys: bool = True) -> list[str]:
    """
    What there is of a job, but for its pod.

    @param keys: whether there are some that packages are signed by.
    """
    names = {
        "jobs": job_type,
        "configmaps": "configmap",
        "persistentvolumeclaims": "job-claim",
        "services": "service",
        "destinationrules": "service",
        **({"secrets": "signing-keys"} if keys else {}),
    }
    return [f"{resource}/cray-ims-{id}-{name}" for resource, name in names.items()]
