"""The double is as the real API server is, where jobs notice; and it fails as it is told to."""

from __future__ import annotations

import json
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.engines.kubernetes.bed import KubernetesBed, sample_job
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.kubelet import ended_with, running
from tests.engines.kubernetes.resources import KINDS

LABELS = {"app.kubernetes.io/managed-by": "image-management", "ims-job-id": "1"}
CLAIM = {
    "metadata": {"name": "claim"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def configmap(name: str = "one", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "data": {"public_key": "ssh-ed25519"}}


class Watching(Protocol):
    """A client who watches, with its own way of reading."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed: Deferred[None] = Deferred()
        self._rest = b""
        self._waiting: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(None)

    async def end(self) -> None:
        """Watch no more."""
        cast(Any, self.transport).loseConnection()
        await self.closed

    async def seen(self, *wanted: str) -> None:
        """Wait until exactly these have come, such as C{ADDED one}."""
        while len(self.summary) < len(wanted):
            self._waiting = Deferred()
            await self._waiting
        if self.summary != [*wanted]:
            raise AssertionError(f"{self.summary}, not {wanted}")

    @property
    def summary(self) -> list[str]:
        return [
            f"{one['type']} {one['object']['metadata'].get('name', '')}".strip()
            for one in self.events
            if one["type"] != "BOOKMARK"
        ]


async def watch(bed: KubernetesBed, resource: str, version: str, labels: str = "") -> Watching:
    """Watch, as the test itself."""
    path = KINDS[resource].path(bed.namespace)
    query = f"?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=60"
    if labels:
        query += f"&labelSelector={labels}"
    client = bed.client
    response = await client.open(path + query)
    watching = Watching()
    response.deliverBody(watching)
    return watching


class ObjectTests(KubernetesTestCase):
    """Objects are made, found, changed and deleted."""

    async def test_life_of_an_object(self) -> None:
        """It has what the server gives it; deleted, it is gone."""
        bed = self.start_kubernetes()
        made = await bed.client.create("configmaps", configmap(**LABELS))
        self.assertEqual((made["kind"], made["apiVersion"]), ("ConfigMap", "v1"))
        for member in ("uid", "resourceVersion", "creationTimestamp"):
            self.assertTrue(made["metadata"][member])
        self.assertEqual(await bed.client.get("configmaps", "one"), made)
        changed = await bed.client.patch("configmaps", "one", {"data": {"a": "1"}})
        self.assertEqual(changed["data"], {"public_key": "ssh-ed25519", "a": "1"})
        old, new = made["metadata"], changed["metadata"]
        self.assertEqual(old["uid"], new["uid"])
        self.assertNotEqual(old["resourceVersion"], new["resourceVersion"])
        gone = await bed.client.delete("configmaps", "one", propagationPolicy="Background")
        self.assertEqual((gone["kind"], gone["status"]), ("Status", "Success"))
        error = await self.refusal(bed.client.get("configmaps", "one"))
        self.assertEqual((error.code, error.reason), (404, "NotFound"))
        self.assertEqual(error.message, 'configmaps "one" not found')
        self.assertEqual(error.details, {"name": "one", "kind": "configmaps"})

    async def test_refusals(self) -> None:
        """Each has its status and reason."""
        bed = self.start_kubernetes()
        client = bed.client
        made = await client.create("configmaps", configmap())
        again = await self.refusal(client.create("configmaps", configmap()))
        self.assertEqual((again.code, again.reason), (409, "AlreadyExists"))
        wrong = await self.refusal(client.create("configmaps", configmap("No_Name")))
        self.assertEqual((wrong.code, wrong.reason), (422, "Invalid"))
        wrong = await self.refusal(client.create("jobs", sample_job("j", restartPolicy="Always")))
        self.assertEqual((wrong.code, wrong.reason), (422, "Invalid"))
        self.assertIn("restartPolicy", wrong.message)
        nowhere = client.within("nowhere").create("configmaps", configmap())
        error = await self.refusal(nowhere)
        self.assertEqual((error.code, error.reason), (404, "NotFound"))
        other = {"uid": "00000000-0000-0000-0000-000000000000"}
        error = await self.refusal(client.delete("configmaps", "one", preconditions=other))
        self.assertEqual((error.code, error.reason), (409, "Conflict"))
        late = {"metadata": {"resourceVersion": "1"}, "data": {"a": "1"}}
        error = await self.refusal(client.patch("configmaps", "one", late))
        self.assertEqual((error.code, error.reason), (409, "Conflict"))
        self.assertEqual(await client.get("configmaps", "one"), made)
        stranger = Client(bed.server, "nobody", bed.namespace, bed.authority)
        self.addCleanup(lambda: Deferred.fromCoroutine(stranger.close()))
        error = await self.refusal(stranger.get("configmaps", "one"))
        self.assertEqual((error.code, error.reason), (401, "Unauthorized"))

    async def test_unknown_group(self) -> None:
        """What no part of the server knows is not even a Status."""
        bed = self.start_kubernetes()
        path = f"/apis/nowhere.example/v1/namespaces/{bed.namespace}/things"
        error = await self.refusal(bed.client.ask("GET", path))
        self.assertEqual((error.code, error.message), (404, "404 page not found\n"))

    async def test_selectors(self) -> None:
        """Labels that are equal, and that exist."""
        bed = self.start_kubernetes()
        await bed.client.create("configmaps", configmap("one", **LABELS))
        await bed.client.create("configmaps", configmap("two", **LABELS | {"ims-job-id": "2"}))
        await bed.client.create("configmaps", configmap("three", other="x"))
        for selector, found in (
            ("ims-job-id=1", ["one"]),
            ("ims-job-id", ["one", "two"]),
            ("app.kubernetes.io/managed-by=image-management,ims-job-id!=1", ["two"]),
            ("ims-job-id in (1,2)", ["one", "two"]),
            ("other", ["three"]),
        ):
            self.assertEqual(await bed.client.names("configmaps", selector), found, selector)

    async def test_items_say_not_what_they_are(self) -> None:
        """Their list does."""
        bed = self.start_kubernetes()
        await bed.client.create("configmaps", configmap(**LABELS))
        (item,) = await bed.client.items("configmaps", "ims-job-id")
        self.assertNotIn("kind", item)

    async def test_claims_go_late(self) -> None:
        """Their DELETE is answered while they are still there."""
        bed = self.start_kubernetes()
        await bed.client.create("persistentvolumeclaims", CLAIM)
        left = await bed.client.delete("persistentvolumeclaims", "claim")
        self.assertEqual(left["kind"], "PersistentVolumeClaim")
        self.assertIn("deletionTimestamp", left["metadata"])
        await bed.kubelet.gone("persistentvolumeclaims", "claim")


class JobTests(KubernetesTestCase):
    """Jobs have a pod, and end with it."""

    async def test_success(self) -> None:
        """All containers ended well."""
        bed = self.start_kubernetes()
        await bed.client.create("jobs", sample_job("job", LABELS))
        pod = await bed.kubelet.pod_of("job")
        labels = (await bed.client.get("pods", pod))["metadata"]["labels"]
        self.assertEqual(labels, labels | LABELS)
        await bed.kubelet.set_containers(pod, fetch=ended_with(0), main=running())
        await bed.kubelet.succeed("job")
        self.assertEqual(await bed.kubelet.ended("job"), "Complete")

    async def test_failures(self) -> None:
        """The Job says only that it failed; the pod says why."""
        bed = self.start_kubernetes()
        for name, fail in (
            ("memory", bed.kubelet.out_of_memory("memory", "main")),
            ("evicted", bed.kubelet.evict("evicted")),
            ("failed", bed.kubelet.fail("failed", "main", ended_with(1))),
        ):
            await bed.client.create("jobs", sample_job(name))
            await fail
            self.assertEqual(await bed.kubelet.ended(name), "Failed")
            conditions = (await bed.client.get("jobs", name))["status"]["conditions"]
            self.assertEqual(conditions[-1]["reason"], "BackoffLimitExceeded")
            self.assertEqual([one["type"] for one in conditions], ["FailureTarget", "Failed"])

    async def test_pods_go_with_their_job(self) -> None:
        """In the background."""
        bed = self.start_kubernetes()
        await bed.client.create("jobs", sample_job("job"))
        pod = await bed.kubelet.pod_of("job")
        await bed.client.delete("jobs", "job", propagationPolicy="Background")
        await bed.kubelet.gone("jobs", "job")
        await bed.kubelet.gone("pods", pod)


class WatchTests(KubernetesTestCase):
    """Who lists and then watches misses nothing."""

    async def test_nothing_is_missed(self) -> None:
        """What happened after the version comes first."""
        bed = self.start_kubernetes()
        before = (await bed.client.create("configmaps", configmap("before")))["metadata"]
        await bed.client.create("configmaps", configmap("between"))
        watching = await watch(bed, "configmaps", before["resourceVersion"])
        await bed.client.create("configmaps", configmap("after"))
        await bed.client.delete("configmaps", "before")
        await watching.seen("ADDED between", "ADDED after", "DELETED before")
        versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in watching.events]
        self.assertEqual(versions, sorted(versions))
        await watching.end()

    async def test_by_labels(self) -> None:
        """An object that loses its label is gone, for those who ask for it."""
        bed = self.start_kubernetes()
        version = (await bed.client.create("configmaps", configmap("other")))["metadata"]
        watching = await watch(bed, "configmaps", version["resourceVersion"], "ims-job-id")
        await bed.client.create("configmaps", configmap("ours", **LABELS))
        await bed.client.patch("configmaps", "other", {"data": {"a": "1"}})
        change = {"metadata": {"labels": {"ims-job-id": None}}}
        await bed.client.patch("configmaps", "ours", change)
        await watching.seen("ADDED ours", "DELETED ours")
        await watching.end()
