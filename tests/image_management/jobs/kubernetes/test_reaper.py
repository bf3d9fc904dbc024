"""What jobs have left is deleted, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

from image_management.jobs.kubernetes.reaper import GRACE_SECONDS, SWEEP_SECONDS, Reaper
from image_management.records.record import Record
from image_management.store.errors import StoreUnavailable
from tests.engines.kubernetes.bed import sample_job
from tests.engines.kubernetes.double import start_double
from tests.engines.kubernetes.orders import FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.image_management.jobs.kubernetes.observing import (
    ObservingCase,
    labels_of_job,
    with_members,
)
from tests.image_management.jobs.samples import job_record

FREED = ("persistentvolumeclaims", "services", "destinationrules")
ENDS = {
    "jobs": "create",
    "configmaps": "configmap",
    "secrets": "signing-keys",
    "persistentvolumeclaims": "job-claim",
    "services": "service",
    "destinationrules": "service",
}
SPECS: dict[str, Any] = {
    "persistentvolumeclaims": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
    "services": {"ports": [{"port": 22}], "selector": {"app": "x"}},
    "destinationrules": {"host": "x"},
}


class ReaperTests(ObservingCase):
    by_name = False

    def setUp(self) -> None:
        super().setUp()
        self.records: dict[str, Record] = {}
        self.store_is_away = False
        self.reaped: list[str] = []
        self.meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def list_jobs(self) -> Sequence[Record]:
        if self.store_is_away:
            raise StoreUnavailable("away")
        if self.meanwhile is not None:
            await self.meanwhile()
        return [*self.records.values()]

    def asked_to_delete(self) -> int:
        """How often that was asked for."""
        return len([one for one in self.bed.requests if one.verb == "delete"])

    async def make(self, id: str, *, labels: bool = True, prefix: str = "cray-ims") -> list[str]:
        """All that a job consists of; what it is called."""
        made = []
        for resource, end in ENDS.items():
            name = f"{prefix}-{id}-{end}"
            thing = sample_job(name)
            if resource != "jobs":
                thing = {"metadata": {"name": name}}
                if resource in SPECS:
                    thing["spec"] = SPECS[resource]
            if labels:
                thing["metadata"]["labels"] = labels_of_job(id)
            await self.bed.client.create(resource, thing)
            made.append(f"{resource}/{name}")
        return sorted(made)

    def start(self) -> Reaper:
        reaper = Reaper(
            self.api,
            self.bed.namespace,
            self.list_jobs,
            self.clock,
            by_name=self.by_name,
            reaped=self.reaped.append,
        )
        self.run_service(reaper)
        return reaper

    async def swept(self, seconds: float = 0) -> None:
        """Wait until a sweep is over, after some time."""
        self.clock.advance(seconds)
        await self.until(self.clock.getDelayedCalls)

    async def left(self) -> list[str]:
        """All that there is, but for pods."""
        found = await self.bed.everything("")
        return [one for one in found if not one.startswith("pods/")]

    async def test_without_a_record(self) -> None:
        """What has none is deleted after ten minutes, the Job first; what has one is not."""
        orphan, known = str(uuid4()), job_record()
        await self.make(orphan)
        kept = await self.make(known.id)
        self.records[known.id] = known
        self.start()
        await self.swept()
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(len(await self.left()), 2 * len(ENDS))
        self.assertEqual(self.reaped, [])
        await self.swept(GRACE_SECONDS - SWEEP_SECONDS)
        self.assertEqual(await self.left(), kept)
        self.assertEqual(self.reaped[0], "Job")
        self.assertEqual(len(self.reaped), len(ENDS))
        # Its pods go with it.
        self.assertEqual(await self.bed.client.names("pods", f"ims-job-id={orphan}"), [])
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(len(self.reaped), len(ENDS))

    async def test_over(self) -> None:
        """A job that is over keeps its Job, with the logs."""
        made = []
        for status in ("success", "error"):
            job = with_members(job_record(), status=status)
            self.records[job.id] = job
            made += await self.make(job.id)
        made.sort()
        self.start()
        await self.swept()
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.left(), made)
        await self.swept(SWEEP_SECONDS)
        expected = [one for one in made if not one.startswith(FREED)]
        self.assertEqual(await self.left(), expected)
        self.assertEqual(len(self.reaped), 2 * len(FREED))

    async def test_a_record_after_all(self) -> None:
        """The time begins anew."""
        job = job_record()
        made = await self.make(job.id)
        self.start()
        await self.swept()
        await self.swept(SWEEP_SECONDS)
        self.records[job.id] = job
        await self.swept(SWEEP_SECONDS)
        self.records.clear()
        await self.swept(SWEEP_SECONDS)
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.left(), made)
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.left(), [])

    async def test_nothing_else(self) -> None:
        """Whatever is called or marked as if it were a job's."""
        id = str(uuid4())
        await self.make(id, labels=False)
        await self.make("1", labels=False, prefix="other")
        for number, labels in enumerate(
            (
                {"app.kubernetes.io/managed-by": "image-management"},
                {"app.kubernetes.io/managed-by": "Helm", "ims-job-id": id},
                {"ims-job-id": id},
                {"app.kubernetes.io/name": "ims-job"},
            )
        ):
            name = f"other-{number}"
            thing = {"metadata": {"name": name, "labels": labels}, "data": {}}
            await self.bed.client.create("configmaps", thing)
        elsewhere = self.bed.client.within("services")
        await elsewhere.create(
            "configmaps", {"metadata": {"name": "x", "labels": labels_of_job(id)}}
        )
        before = await self.left()
        self.start()
        for _ in range(4):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.left(), before)
        self.assertIn("x", await elsewhere.names("configmaps"))
        self.assertEqual(self.asked_to_delete(), 0)

    async def test_another_of_the_same_name(self) -> None:
        """What has come meanwhile is another."""
        id = str(uuid4())
        name = f"cray-ims-{id}-configmap"
        thing = {"metadata": {"name": name, "labels": labels_of_job(id)}}
        await self.bed.client.create("configmaps", thing)
        self.start()
        await self.swept()
        await self.swept(SWEEP_SECONDS)
        await self.bed.client.delete("configmaps", name)
        await self.bed.client.create("configmaps", thing)
        await self.swept(SWEEP_SECONDS)
        self.assertEqual(self.reaped, [])

    async def test_another_that_comes_while_it_sweeps(self) -> None:
        """It is let alone, too."""
        name = f"cray-ims-{uuid4()}-configmap"
        thing = {"metadata": {"name": name, "labels": labels_of_job(str(uuid4()))}}
        await self.bed.client.create("configmaps", thing)
        self.start()
        await self.swept()

        async def replace() -> None:
            await self.bed.client.delete("configmaps", name)
            await self.bed.client.create("configmaps", thing)

        self.meanwhile = replace
        await self.swept(GRACE_SECONDS)
        self.assertIn(f"configmaps/{name}", await self.left())
        self.assertEqual(self.asked_to_delete(), 1)
        self.assertEqual(self.reaped, [])

    async def test_on_its_way(self) -> None:
        """A claim goes once no pod uses it any more: until then it is deleted once."""
        orphan, known = str(uuid4()), job_record()
        claim = f"cray-ims-{orphan}-job-claim"
        self.records[known.id] = known
        volume = {"name": "scratch", "persistentVolumeClaim": {"claimName": claim}}
        # Only what has a node uses claims; it takes long to be found out that there is none.
        on_node = {"nodeName": "node", "terminationGracePeriodSeconds": 0}
        thing = sample_job("user", labels_of_job(known.id), volumes=[volume], **on_node)
        await self.bed.client.create("jobs", thing)
        await self.bed.kubelet.pod_of("user")
        labelled = {"name": claim, "labels": labels_of_job(orphan)}
        spec = SPECS["persistentvolumeclaims"]
        await self.bed.client.create("persistentvolumeclaims", {"metadata": labelled, "spec": spec})
        self.start()
        for _ in range(6):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.bed.client.names("persistentvolumeclaims"), [claim])
        self.assertEqual((self.reaped, self.asked_to_delete()), (["PersistentVolumeClaim"], 1))

    async def test_the_store_is_away(self) -> None:
        await self.make(str(uuid4()))
        self.start()
        self.store_is_away = True
        for _ in range(5):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual((self.reaped, len(await self.left())), ([], len(ENDS)))
        self.store_is_away = False
        for _ in range(3):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(len(self.reaped), len(ENDS))

    async def test_not_all_may_be_listed(self) -> None:
        """One line for each kind; the others are swept."""
        told = self.told_of("what is left of jobs stays")
        await self.make(str(uuid4()))
        self.bed.fail("list", "secrets", FORBIDDEN, FOR_GOOD)
        self.start()
        for _ in range(4):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(len(self.reaped), len(ENDS) - 1)
        [line] = told
        self.assertIn('cannot list resource "secrets"', line)
        self.bed.heal()
        for _ in range(3):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual((self.reaped[-1], await self.left()), ("Secret", []))

    async def test_it_cannot_be_deleted(self) -> None:
        """It is tried again with the next sweep; the others go."""
        await self.make(str(uuid4()))
        self.bed.fail("delete", "services", UNAVAILABLE, FOR_GOOD)
        self.start()
        for _ in range(4):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(len(self.reaped), len(ENDS) - 1)
        self.bed.heal()
        await self.swept(SWEEP_SECONDS)
        self.assertEqual((self.reaped[-1], await self.left()), ("Service", []))

    async def test_two_replicas(self) -> None:
        """What is gone already is fine."""
        await self.make(str(uuid4()))
        self.start()
        self.start()
        for _ in range(4):
            self.clock.advance(SWEEP_SECONDS)
            await self.until(lambda: len(self.clock.getDelayedCalls()) == 2)
        self.assertEqual(await self.left(), [])

    async def test_without_istio(self) -> None:
        told = self.told_of("what is left of jobs stays")
        self.bed = start_double(self, istio=False)
        self.api = self.api_of(self.bed)
        id = str(uuid4())
        thing = {"metadata": {"name": "x", "labels": labels_of_job(id)}}
        await self.bed.client.create("configmaps", thing)
        self.start()
        for _ in range(4):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual((self.reaped, told), (["ConfigMap"], []))


class ByNameTests(ReaperTests):
    """Also what an earlier service has made, which had no labels of ours."""

    by_name = True

    async def test_nothing_else(self) -> None:
        id, known = str(uuid4()), job_record()
        await self.make(id, labels=False)
        kept = await self.make(known.id, labels=False)
        self.records[known.id] = known
        kept += await self.make("1", labels=False, prefix="other")
        kept += await self.make("not-a-uuid", labels=False)
        kept += await self.make(id, labels=False, prefix="x-cray-ims")
        kept += await self.make(f"{id}-more", labels=False)
        kept += await self.make(id.replace("-", "0"), labels=False)
        self.start()
        for _ in range(4):
            await self.swept(SWEEP_SECONDS)
        self.assertEqual(await self.left(), sorted(kept))
        self.assertEqual(len(self.reaped), len(ENDS))
