"""Making jobs: what there is then, and that nothing is left of one that cannot be made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from image_management.jobs.nodes.status import LOGGED_IN, PODMAN, NodeStatus
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.schemas import new_record
from tests.engines.kubernetes.orders import (
    CUT,
    FOR_GOOD,
    FORBIDDEN,
    TIMEOUT,
    UNAVAILABLE,
    Trouble,
    too_many,
)
from tests.image_management.jobs.kubernetes.making import MADE, OWN_KEY, MakingCase
from tests.image_management.store.case import CREATED

KINDS = {
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "services": "Service",
    "destinationrules": "DestinationRule",
    "jobs": "Job",
}

PASSING = {
    "cut": CUT,
    "done and cut": CUT.after(),
    "unavailable": UNAVAILABLE,
    "done and unavailable": UNAVAILABLE.after(),
    "timeout": TIMEOUT,
    "too many": too_many(0),
}
"""After which the same may go well."""


class StartTests(MakingCase):
    async def test_made(self) -> None:
        await self.have_signing_keys()
        job = await self.create()
        await self.assert_whole(job)
        document, id = job.document, job.id
        self.assertEqual((document["backend"], document["status"]), ("kubernetes", "creating"))
        for member, name in (
            ("job", f"cray-ims-{id}-customize"),
            ("service", f"cray-ims-{id}-service"),
            ("configmap", f"cray-ims-{id}-configmap"),
            ("pvc", f"cray-ims-{id}-job-claim"),
            ("secret", f"cray-ims-{id}-signing-keys"),
            ("namespace", "ims"),
        ):
            self.assertEqual(document[f"kubernetes_{member}"], name)
        [container] = document["ssh_containers"]
        self.assertEqual(container["status"], "pending")
        self.assertEqual(
            container["connection_info"]["cluster.local"],
            {"host": f"cray-ims-{id}-service.ims.svc.cluster.local", "port": 22},
        )
        self.assertEqual(
            container["connection_info"]["customer_access"],
            {"host": f"{id}.ims.cmn.shasta.local", "port": 22},
        )
        # Cray's names are these; the Job is the last.
        self.assertEqual(self.asked("create")[-1], "create jobs")
        client = self.double.client
        keys = (await client.get("configmaps", f"cray-ims-{id}-configmap"))["data"]["public_key"]
        self.assertEqual(keys, f"ssh-ed25519 AAAA me\n{OWN_KEY}\n")
        secret = await client.get("secrets", f"cray-ims-{id}-signing-keys")
        self.assertEqual((secret["type"], secret["data"]), ("Opaque", {"k": "a2V5"}))

    async def test_record_first(self) -> None:
        """With all names, before anything is there."""
        seen: list[Any] = []
        add = self.store.add

        async def noting(record: Record) -> Record:
            seen.append((record.document, self.made()))
            return await add(record)

        self.patch(self.store, "add", noting)
        job = await self.create()
        [(document, made)] = seen
        self.assertEqual(made, [])
        names = {name: value for name, value in job.document.items() if "kubernetes" in name}
        planned = {name: value for name, value in document.items() if "kubernetes" in name}
        self.assertEqual(planned | {"kubernetes_secret": None}, names)

    async def test_no_signing_keys(self) -> None:
        """Absent, or not for us: the pod does not wait for them."""
        for forbidden in ("list", "get", "create"):  # nobody lists any
            if forbidden == "create":
                await self.have_signing_keys()
            self.double.fail(forbidden, "secrets", FORBIDDEN, FOR_GOOD)
            job = await self.create()
            self.assertIsNone(job.document["kubernetes_secret"])
            self.assertEqual(self.made(), [one for one in MADE if one != "secrets"])
            made = await self.double.client.get("jobs", job.document["kubernetes_job"])
            volumes = made["spec"]["template"]["spec"]["volumes"]
            [secret] = [one["secret"] for one in volumes if one["name"] == "signing-keys"]
            self.assertIs(secret["optional"], True)
            await self.service.remove(job)
            await self.assert_nothing()
            self.double.heal()

    async def test_passing_trouble(self) -> None:
        """One object each, whether or not the first try has made it."""
        await self.have_signing_keys()
        for told, trouble in PASSING.items():
            for resource in KINDS:
                self.double.fail("create", resource, trouble)
                job = await self.create()
                await self.assert_whole(job, f"{told}: {resource}")
                await self.service.remove(job)
                await self.assert_nothing(told)
        self.double.fail("get", "secrets", CUT)
        self.assertIsNotNone((await self.create()).document["kubernetes_secret"])

    async def test_trouble_for_good(self) -> None:
        await self.have_signing_keys()
        troubles = {one: PASSING[one] for one in ("cut", "done and cut", "unavailable")}
        for told, trouble in (troubles | {"forbidden": FORBIDDEN}).items():
            for resource, kind in KINDS.items():
                if resource == "secrets" and trouble is FORBIDDEN:
                    continue  # it is skipped
                self.double.fail("create", resource, trouble, FOR_GOOD)
                detail = await self.refusal(self.create())
                self.assertIn(f"create of {kind} cray-ims-", detail)
                await self.assert_nothing(f"{told}: {resource}")
                self.double.heal()

    async def test_what_the_api_says_is_told(self) -> None:
        self.double.fail("create", "services", FORBIDDEN)
        detail = await self.refusal(self.create())
        self.assertIn("-service: services is forbidden: User ", detail)
        self.double.fail("create", "jobs", CUT, FOR_GOOD)
        detail = await self.refusal(self.create())
        self.assertIn("-customize: the connection broke", detail)
        self.double.heal()
        self.double.fail("create", "jobs", _quoting("https://s3/x?X-Amz-Signature=secret&x=1"))
        self.assertNotIn("secret", await self.refusal(self.create()))

    async def test_first_the_job(self) -> None:
        """What is taken back, and what is deleted."""
        self.double.fail("create", "jobs", UNAVAILABLE.after(), FOR_GOOD)
        await self.refusal(self.create())
        self.assertEqual(self.asked("delete")[0], "delete jobs")
        await self.assert_nothing()

    async def test_what_cannot_be_taken_back(self) -> None:
        """No record stays, and the rest is gone; what is left is known to be a job's."""
        self.double.fail("create", "services", FORBIDDEN)
        self.double.fail("delete", "configmaps", FORBIDDEN, FOR_GOOD)
        await self.refusal(self.create())
        self.assertEqual(await self.jobs(), [])
        self.assertEqual(self.made(), ["configmaps"])

    async def test_another_of_the_same_name(self) -> None:
        """It is not taken for ours, however the first try ended."""
        double, create = self.double, self.double.registry.change

        def made_by_others(asked: Any, kind: Any, body: Any, *more: Any) -> Any:
            if asked.verb == "create" and asked.resource == "configmaps":
                body["metadata"]["labels"] = {}
            return create(asked, kind, body, *more)

        self.patch(double.registry, "change", made_by_others)
        double.fail("create", "configmaps", CUT.after())
        self.assertIn("already exists", await self.refusal(self.create()))

    async def test_deleted_as_it_is_made(self) -> None:
        add = self.store.add

        async def gone_at_once(record: Record) -> Record:
            added = await add(record)
            await self.store.remove(Kind.JOB, record.id)
            return added

        self.patch(self.store, "add", gone_at_once)
        await self.refusal(self.create(), 409)
        await self.assert_nothing()


class WithoutIstioTests(MakingCase):
    istio = False

    async def test_no_rule(self) -> None:
        job = await self.create()
        self.assertEqual(self.made(), ["configmaps", "jobs", "persistentvolumeclaims", "services"])
        await self.service.change(job, {"status": "success"})
        await self.service.remove(job)
        await self.assert_nothing()


class RemoteNodeTests(MakingCase):
    """Which node works on a job."""

    def node(self, xname: str, jobs: int, arch: str = "aarch64") -> NodeStatus:
        return NodeStatus(xname, LOGGED_IN, arch, PODMAN, jobs)

    async def have(self, *statuses: NodeStatus) -> None:
        for one in statuses:
            await self.store.add(new_record(Kind.REMOTE_BUILD_NODE, {"xname": one.xname}, CREATED))
            self.nodes.statuses[one.xname] = one

    async def test_chosen(self) -> None:
        await self.have(
            self.node("x1", 2),
            self.node("x2", 1),
            replace(self.node("x3", 0), jobs=-1),
            self.node("x4", 0, "x86_64"),
        )
        chosen = []
        for _ in range(3):
            job = await self.create(arch="aarch64")
            chosen.append(job.document["remote_build_node"])
        # Of ours it is the second one that makes more than the node knows of.
        self.assertEqual(chosen, ["x2", "x2", "x1"])
        self.assertEqual(self.nodes.seconds, 10)
        made = await self.double.client.get("jobs", job.document["kubernetes_job"])
        self.assertNotIn("runtimeClassName", made["spec"]["template"]["spec"])

    async def test_none_able(self) -> None:
        await self.have(self.node("x4", 0, "x86_64"))
        job = await self.create(arch="aarch64")
        self.assertEqual(job.document["remote_build_node"], "")
        made = await self.double.client.get("jobs", job.document["kubernetes_job"])
        self.assertEqual(made["spec"]["template"]["spec"]["runtimeClassName"], "kata-arm")


def _quoting(text: str) -> Trouble:
    """An error of a server that quotes what it was sent."""
    error = FORBIDDEN.error
    assert error is not None
    return Trouble(type(error)(422, "Invalid", f"Job is invalid: Invalid value: {text}"))
