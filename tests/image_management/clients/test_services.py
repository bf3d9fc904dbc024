"""The services and checks of Cray's systems that use image management."""

from __future__ import annotations

import json

from tests.image_management.clients.kept_jobs import folder_with, kept_job
from tests.image_management.routes.test_records import INPUTS, UNDELETE
from tests.image_management.service import NOBODY, PUBLIC_KEY, ServiceTestCase, json_of


class ConfigurationManagementTests(ServiceTestCase):
    """CFS, which has images customised, one session each."""

    async def test_session(self) -> None:
        """As far as it comes without jobs: then it deletes its key."""
        ims = await self.start()
        self.assertEqual(await ims.get("/images"), [])
        image = await ims.make("/images", name="base", link=ims.put_image("one"))
        key = await ims.make("/public-keys", name="cfs_session", public_key=PUBLIC_KEY)
        job = {
            "job_type": "customize",
            "image_root_archive_name": "base_cfs_session",
            "artifact_id": image["id"],
            "public_key_id": key["id"],
            "enable_debug": False,
            "ssh_containers": [{"name": "ansible", "jail": True}],
        }
        self.assert_problem(await ims.ask("POST", "/jobs", job), 503)
        self.assert_nothing(await ims.ask("DELETE", f"/public-keys/{key['id']}"))
        self.assertEqual(await ims.get("/public-keys"), [])

    async def test_polling(self) -> None:
        """It reads where to log in, and waits for the image; its reaper deletes the rest."""
        place = {"host": "one.ims.svc.cluster.local", "port": 22}
        container = {
            "name": "ansible",
            "jail": True,
            "status": "active",
            "connection_info": {"cluster.local": place, "customer_access": place},
        }
        waiting = kept_job(
            1, job_type="customize", status="waiting_on_user", ssh_containers=[container]
        )
        stale = kept_job(2, status="building_image")
        ims = await self.start(folder_with(self.mktemp(), waiting, stale))
        path = f"/jobs/{waiting['id']}"
        job = await ims.get(path)
        self.assertEqual(job["status"], "waiting_on_user")
        self.assertEqual(job["ssh_containers"][0]["connection_info"]["cluster.local"], place)
        self.assertIsNone(job["resultant_image_id"])
        json_of(await ims.ask("PATCH", path, {"resultant_image_id": NOBODY}))
        self.assertEqual((await ims.get(path))["resultant_image_id"], NOBODY)
        unfinished = [
            one["id"] for one in await ims.get("/jobs") if one["status"] not in {"success", "error"}
        ]
        for id in unfinished:
            self.assert_nothing(await ims.ask("DELETE", f"/jobs/{id}"))
        self.assertEqual(await ims.get("/jobs"), [])


class BootOrchestrationTests(ServiceTestCase):
    """BOS, which reads manifests out of S3."""

    async def test_manifest(self) -> None:
        """With the etag of the link, also after an image was deleted and brought back."""
        ims = await self.start()
        artifacts = {"kernel": b"k", "initrd": b"i", "boot_parameters": b"quiet"}
        image = await ims.make("/images", name="x", link=ims.put_image("one", **artifacts))
        for _ in range(2):
            link = (await ims.get(f"/v3/images/{image['id']}"))["link"]
            bucket, _, key = link["path"].removeprefix("s3://").partition("/")
            s3 = ims.s3.client()
            got = s3.get_object(Bucket=bucket, Key=key, IfMatch=link["etag"])
            for entry in json.loads(got["Body"].read())["artifacts"]:
                there = entry["link"]["path"].removeprefix(f"s3://{bucket}/")
                found = s3.head_object(Bucket=bucket, Key=there, IfMatch=entry["link"]["etag"])
                self.assertGreater(found["ContentLength"], 0)
            self.assert_nothing(await ims.ask("DELETE", f"/v3/images/{image['id']}"))
            back = await ims.ask("PATCH", f"/v3/deleted/images/{image['id']}", UNDELETE)
            self.assert_nothing(back)


class HealthCheckTests(ServiceTestCase):
    """cmsdev."""

    async def test_health(self) -> None:
        ims = await self.start()
        for path in ("/healthz/live", "/healthz/ready", "/version"):
            self.assertIsInstance(await ims.get(path), dict)

    async def test_records(self) -> None:
        """Made, found, changed, deleted, brought back and deleted for good."""
        ims = await self.start()
        for base in ("", "/v2", "/v3"):
            for kind, given in INPUTS.items():
                record = await ims.make(f"{base}/{kind}", **given)
                path = f"{base}/{kind}/{record['id']}"
                self.assertIn(record, await ims.get(f"{base}/{kind}"))
                if kind != "public-keys":
                    changed = json_of(await ims.ask("PATCH", path, {"arch": "aarch64"}))
                    self.assertEqual(changed["arch"], "aarch64")
                self.assert_nothing(await ims.ask("DELETE", path))
                self.assert_problem(await ims.ask("GET", path), 404)
                if base == "/v3":
                    deleted = f"/v3/deleted/{kind}/{record['id']}"
                    self.assertIn(record["id"], await ims.lists(f"/v3/deleted/{kind}"))
                    self.assert_nothing(await ims.ask("PATCH", deleted, UNDELETE))
                    self.assertEqual((await ims.get(path))["name"], record["name"])
                    self.assert_nothing(await ims.ask("DELETE", path))
                    self.assert_nothing(await ims.ask("DELETE", deleted))
                    self.assert_problem(await ims.ask("GET", deleted), 404)
