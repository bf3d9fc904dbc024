"""
Jobs in a real Kubernetes whose node's agent is the test; C{make cluster-test} runs it.  What the
double promises holds there, too.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from httpd.concurrency.coroutines import side_by_side
from tests.engines.kubernetes import test_double
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.control_plane import control_plane
from tests.engines.kubernetes.failing_server import FailingServer
from tests.engines.kubernetes.kubelet import Kubelet, ended_with
from tests.engines.kubernetes.orders import CUT, FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.engines.kubernetes.relay import start_relay
from tests.image_management.jobs.kubernetes import test_observer, test_reaper, test_watch
from tests.image_management.jobs.kubernetes.killing import Killed, objects_of
from tests.image_management.jobs.kubernetes.running import Jobs, start_jobs

_MANY = 200
_NOTICED_SECONDS = 60


class OnControlPlane(KubernetesTestCase):
    timeout = 600

    def start_kubernetes(self) -> FailingServer:
        return start_relay(self, control_plane())


class ObjectTests(OnControlPlane, test_double.ObjectTests):
    pass


class JobTests(OnControlPlane, test_double.JobTests):
    pass


class WatchTests(OnControlPlane, test_double.WatchTests):
    pass


class MirrorTests(OnControlPlane, test_watch.MirrorTests):
    pass


class SeenTests(OnControlPlane, test_observer.SeenTests):
    pass


class ReaperTests(OnControlPlane, test_reaper.ReaperTests):
    pass


class ByNameTests(OnControlPlane, test_reaper.ByNameTests):
    pass


class TroubleTests(OnControlPlane):
    """Objects that can be made only later, or not at all."""

    async def begin(self) -> Jobs:
        self.bed = self.start_kubernetes()
        jobs = await start_jobs(self, self.bed)
        await jobs.prepare()
        return jobs

    async def test_later(self) -> None:
        """All is there, once; whether or not the first try has made it."""
        jobs = await self.begin()

        for trouble in (CUT, CUT.after(), UNAVAILABLE.after()):
            for resource in ("configmaps", "persistentvolumeclaims", "services", "jobs"):
                self.bed.fail("create", resource, trouble)
                await jobs.make("create")
        ids = await jobs.ims.lists("/v3/jobs")
        expected = [one for id in ids for one in objects_of(id, "create", keys=False)]
        there = [one for one in await self.bed.everything() if not one.startswith("pods/")]
        self.assertEqual(there, sorted(expected))

    async def test_never(self) -> None:
        """Nothing is left of it."""
        jobs = await self.begin()
        for resource in ("configmaps", "services", "destinationrules", "jobs"):
            self.bed.fail("create", resource, FORBIDDEN, FOR_GOOD)
            answer = await jobs.ims.ask("POST", "/v3/jobs", jobs.wanted())
            self.assertEqual(answer.status, 502, answer.text)
            self.assertIn("is forbidden", answer.text)
            self.assertEqual(await jobs.ims.get("/v3/jobs"), [])
            await self.bed.emptied()
            self.bed.heal()


class KilledTests(OnControlPlane, Killed):
    """The service dies between any two requests."""

    async def test_posts(self) -> None:
        """Each is answered, or not even done."""
        await self.begin()
        moments = [(number, done) for number in range(100) for done in (False, True)]
        self.assertGreaterEqual(await self.check_posts(moments), 14)

    async def test_deletes(self) -> None:
        await self.begin()
        moments = [(number, done) for number in range(100) for done in (False, True)]
        self.assertGreaterEqual(await self.check_deletes(moments), 12)


class ManyTests(KubernetesTestCase):
    """Many at once, on the double."""

    timeout = 600

    async def test_posts_at_once(self) -> None:
        """Each has its objects; deleted at once, nothing of them stays."""
        bed = self.start_kubernetes()
        jobs = await start_jobs(self, bed)
        await jobs.prepare()
        began = time.monotonic()
        made = await side_by_side(jobs.make() for _ in range(_MANY))
        print(f"{_MANY} POSTs at once: {time.monotonic() - began:.1f} s")
        ids = [one["id"] for one in made]
        expected = [one for id in ids for one in objects_of(id, keys=False)]
        there = [one for one in await bed.everything() if not one.startswith("pods/")]
        self.assertEqual(there, sorted(expected))
        began = time.monotonic()
        answer = await jobs.ims.ask("DELETE", "/v3/jobs")
        print(f"a DELETE of {_MANY}: {time.monotonic() - began:.1f} s")
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(await jobs.ims.get("/v3/jobs"), [])
        await bed.emptied()


class ManyOnClusterTests(OnControlPlane, ManyTests):
    pass


class DeathTests(OnControlPlane):
    """Pods that die each way make a job C{error}, with a reason, within a minute."""

    async def test_reasons(self) -> None:
        """All at the same time."""
        bed = self.start_kubernetes()
        # As at a site: over TLS, with nothing between.
        kubeconfig = str(control_plane().kubeconfig)
        settings = {"KUBECONFIG": kubeconfig, "IMS_JOB_PENDING_TIMEOUT": "1"}
        jobs = await start_jobs(self, bed, settings)
        await jobs.prepare()

        async def deleted(kubelet: Kubelet, job: str) -> None:
            await bed.client.delete("jobs", job, propagationPolicy="Background")

        async def pod_deleted(kubelet: Kubelet, job: str) -> None:
            await bed.client.delete("pods", await kubelet.pod_of(job))

        deaths: dict[str, Callable[[Kubelet, str], Awaitable[None]]] = {
            "container sshd was OOMKilled: it needs more memory than its limit of 5Gi": (
                lambda kubelet, job: kubelet.out_of_memory(job, "sshd")
            ),
            "pod evicted: The node was low on resource: memory.": Kubelet.evict,
            "container prepare ended with exit status 1": (
                lambda kubelet, job: kubelet.fail(job, "prepare", ended_with(1))
            ),
            "its Job is complete, but has reported neither success nor error": Kubelet.succeed,
            "Insufficient memory": Kubelet.unschedulable,
            "ImagePullBackOff": lambda kubelet, job: kubelet.cannot_pull(job, "prepare"),
            "it has no Job": deleted,
            "its Job failed: BackoffLimitExceeded": pod_deleted,
        }

        async def dies(reason: str, death: Callable[[Kubelet, str], Awaitable[None]]) -> None:
            job = await jobs.make()
            await bed.kubelet.pod_of(job["kubernetes_job"])
            await death(bed.kubelet, job["kubernetes_job"])
            began = time.monotonic()
            ended = await jobs.until(job["id"], "error")
            took = time.monotonic() - began
            print(f"error after {took:.0f} s: {ended['status_reason']}")
            self.assertIn(reason, ended["status_reason"])
            self.assertLess(took, _NOTICED_SECONDS)

        await side_by_side(dies(reason, death) for reason, death in deaths.items())
