"""The real service beside a Kubernetes: from a request to the objects, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from httpd.concurrency.coroutines import side_by_side
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.image_management.jobs.kubernetes.observing import documented_role
from tests.image_management.jobs.kubernetes.running import Jobs, start_jobs
from tests.image_management.jobs.kubernetes.test_site_templates import SITE
from tests.image_management.service import json_of

MANY = 50


class WholeTests(KubernetesTestCase):
    timeout = 240

    async def start(self, **settings: str) -> Jobs:
        self.bed = self.start_kubernetes()
        jobs = await start_jobs(self, self.bed, settings)
        await jobs.prepare()
        return jobs

    async def job_of(self, record: dict[str, Any]) -> Any:
        """Its Job's pod."""
        job = await self.bed.client.get("jobs", record["kubernetes_job"])
        return job["spec"]["template"]["spec"]

    async def test_customize(self) -> None:
        jobs = await self.start(S3_URL_EXPIRATION="4711")
        record = await jobs.make(require_dkms=False)
        path = f"/v3/jobs/{record['id']}"
        self.assertEqual(record, await jobs.ims.get(path))
        pod = await self.job_of(record)
        command = pod["initContainers"][0]["command"][-1]
        url = command.partition('"')[2].rstrip('"')
        self.assertRegex(url, r"\Ahttp://[A-Za-z0-9._~%/:?&=-]+\Z")
        query = parse_qs(urlsplit(url).query)
        self.assertEqual(query["X-Amz-Expires"], ["4711"])
        self.assertEqual(urlsplit(url).path, "/boot-images/image/rootfs")
        # What its containers report.
        for status, container in (
            ("fetching_image", "establishing"),
            ("waiting_on_user", "active"),
            ("packaging_artifacts", "complete"),
        ):
            changed = json_of(await jobs.ims.ask("PATCH", path, {"status": status}))
            self.assertEqual(changed["ssh_containers"][0]["status"], container)
        await self.bed.kubelet.succeed(record["kubernetes_job"])
        json_of(await jobs.ims.ask("PATCH", path, {"status": "success"}))
        await self.bed.kubelet.gone("persistentvolumeclaims", record["kubernetes_pvc"])
        kinds = {one.partition("/")[0] for one in await self.bed.everything()}
        self.assertEqual(kinds, {"configmaps", "jobs", "pods"})
        metrics = (await jobs.ims.ask("GET", "/metrics")).text
        self.assertIn('image_management_jobs{job_type="customize",status="success"} 1.0', metrics)
        self.assertEqual((await jobs.ims.ask("DELETE", path)).status, 204)
        self.assertNotIn("X-Amz-Signature", "".join(jobs.ims.process.lines))
        await jobs.ims.ask("GET", f"/v3/jobs/{(await jobs.make())['id']}/log")
        asked = {
            (one.verb, one.resource) for one in self.bed.requests if one.namespace != "services"
        }
        self.assertGreater(len(asked), 15)
        self.assertEqual(asked - documented_role(), set())

    async def test_site_templates(self) -> None:
        """Those of a site are used, and no image has to be named."""
        folder = Path(self.mktemp()).resolve()
        (folder / "create" / "kiwi-ng").mkdir(parents=True)
        for name, text in SITE.items():
            file = folder / "create" / "kiwi-ng" / f"image_{name}_create.yaml.template"
            file.write_text(text)
        images = dict.fromkeys(("IMS_UTILS_IMAGE", "IMS_BUILDER_IMAGE", "IMS_SSHD_IMAGE"), "")
        jobs = await self.start(IMS_JOB_TEMPLATE_PATH=str(folder), **images)
        record = await jobs.make("create")
        self.assertEqual(record["kubernetes_service"], f"site-{record['id']}-service")
        pod = await self.job_of(record)
        self.assertEqual([one["image"] for one in pod["containers"]], ["site/sshd:3"])
        refused = await jobs.ims.ask("POST", "/v3/jobs", jobs.wanted())
        self.assertEqual(refused.status, 503, refused.text)
        self.assertIn("IMS_JOB_TEMPLATE_PATH has no templates in customize", refused.text)
        self.assertEqual(await jobs.ims.lists("/v3/jobs"), [record["id"]])

    async def test_other_backend(self) -> None:
        """Its jobs are shown, changed and deleted, and nothing is done about them."""
        jobs = await self.start()
        record = await jobs.make()
        await jobs.kill()
        everything = await self.bed.everything()
        jobs.environment = {**jobs.environment, "IMS_JOB_BACKEND": "none"}
        await jobs.start()
        path = f"/v3/jobs/{record['id']}"
        self.assertEqual(await jobs.ims.get(path), record)
        json_of(await jobs.ims.ask("PATCH", path, {"status": "waiting_on_user"}))
        finish = await jobs.ims.ask("PATCH", path, {"operation": "finish"})
        self.assertEqual(finish.status, 409, finish.text)
        self.assertEqual((await jobs.ims.ask("GET", f"{path}/log")).status, 404)
        self.assertEqual((await jobs.ims.ask("DELETE", path)).status, 204)
        self.assertEqual(await self.bed.everything(), everything)

    async def test_many_at_once(self) -> None:
        jobs = await self.start()
        made = await side_by_side(jobs.make() for _ in range(MANY))
        self.assertEqual(len({one["id"] for one in made}), MANY)
        for kind in ("jobs", "configmaps", "persistentvolumeclaims", "services"):
            self.assertEqual(len(await self.bed.client.names(kind)), MANY)
        self.assertEqual({*await jobs.ims.lists("/v3/jobs")}, {one["id"] for one in made})
