"""ims-python-helper, which uploads what jobs have made, from within their containers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.image_management.clients.kept_jobs import folder_with, kept_job
from tests.image_management.service import Ims, ServiceTestCase, json_of

ARTIFACTS = {
    "rootfs": "application/vnd.cray.image.rootfs.squashfs",
    "kernel": "application/vnd.cray.image.kernel",
    "initrd": "application/vnd.cray.image.initrd",
    "boot_parameters": "application/vnd.cray.image.parameters.boot",
}


class Helper:
    """What it does; all paths without a version."""

    def __init__(self, ims: Ims) -> None:
        self._ims = ims

    async def find(self, collection: str, name: str) -> dict[str, Any] | None:
        """It reads whole collections, and looks for a name."""
        for record in await self._ims.get(f"/{collection}"):
            if record["name"] == name:
                found: dict[str, Any] = record
                return found
        return None

    async def image_record(self, name: str, arch: str) -> dict[str, Any]:
        """It makes an image's record unless there is one without a link."""
        found = await self.find("images", name)
        if found is not None and not found["link"]:
            return found
        return await self._ims.make("/images", name=name, arch=arch)

    def upload(self, image: str, artifact: str, data: bytes, job: str) -> dict[str, str]:
        """It uploads by itself, with what it knows of the object."""
        key, md5 = f"{image}/{artifact}", hashlib.md5(data).hexdigest()
        metadata = {"md5sum": md5, "x-shasta-ims-image-id": image, "x-shasta-ims-job-id": job}
        put = self._ims.s3.client().put_object(
            Bucket="boot-images", Key=key, Body=data, Metadata=metadata
        )
        return {"path": f"s3://boot-images/{key}", "etag": put["ETag"].strip('"'), "type": "s3"}

    async def upload_artifacts(self, name: str, job: str) -> dict[str, Any]:
        """It registers the image, uploads, sets the link, and reports to the job."""
        image = (await self.image_record(name, "x86_64"))["id"]
        entries = [
            {
                "type": kind,
                "md5": hashlib.md5(artifact.encode()).hexdigest(),
                "link": self.upload(image, artifact, artifact.encode(), job),
            }
            for artifact, kind in ARTIFACTS.items()
        ]
        manifest = {"version": "1.0", "created": "2026-01-02 03:04:05.6", "artifacts": entries}
        link = self.upload(image, "manifest.json", json.dumps(manifest).encode(), job)
        record: dict[str, Any] = json_of(
            await self._ims.ask("PATCH", f"/images/{image}", {"link": link})
        )
        reported = {"resultant_image_id": image}
        json_of(await self._ims.ask("PATCH", f"/jobs/{job}", reported))
        return record

    async def upload_recipe(self, name: str, dictionary: dict[str, str]) -> dict[str, Any]:
        """It makes a recipe's record, unless there is one, uploads it, and sets the link."""
        found = await self.find("recipes", name)
        if found is not None and found["link"]:
            return found
        recipe = await self._ims.make(
            "/recipes",
            name=name,
            recipe_type="kiwi-ng",
            linux_distribution="sles15",
            template_dictionary=dictionary,
        )
        link = self._ims.put(f"recipes/{recipe['id']}/recipe.tar.gz", b"recipe", "ims")
        answer = await self._ims.ask("PATCH", f"/recipes/{recipe['id']}", {"link": link})
        changed: dict[str, Any] = json_of(answer)
        return changed


class HelperTests(ServiceTestCase):
    async def test_image(self) -> None:
        """From the job's image to its end; asked again, it goes on where it was."""
        waiting = kept_job(1, status="packaging_artifacts")
        ims = await self.start(folder_with(self.mktemp(), waiting))
        helper, job = Helper(ims), waiting["id"]
        early = await helper.image_record("new", "x86_64")
        self.assertIsNone(early["link"])
        image = await helper.upload_artifacts("new", job)
        self.assertEqual((image["id"], image["arch"]), (early["id"], "x86_64"))
        manifest_path = f"s3://boot-images/{image['id']}/manifest.json"
        self.assertEqual(image["link"]["path"], manifest_path)
        again = {"link": image["link"]}
        self.assertEqual(json_of(await ims.ask("PATCH", f"/images/{image['id']}", again)), image)
        json_of(await ims.ask("PATCH", f"/jobs/{job}", {"status": "success"}))
        ended = await ims.get(f"/jobs/{job}")
        self.assertEqual((ended["status"], ended["resultant_image_id"]), ("success", image["id"]))
        another = await helper.image_record("new", "x86_64")
        self.assertNotEqual(another["id"], image["id"])

    async def test_recipe(self) -> None:
        """Its template dictionary is a map."""
        ims = await self.start()
        helper = Helper(ims)
        recipe = await helper.upload_recipe("sles", {"CSM_RELEASE": "1.6", "ARCH": "x86_64"})
        self.assertEqual(
            recipe["template_dictionary"],
            [{"key": "CSM_RELEASE", "value": "1.6"}, {"key": "ARCH", "value": "x86_64"}],
        )
        self.assertEqual(await helper.upload_recipe("sles", {}), recipe)
        self.assertEqual(await ims.lists("/recipes"), [recipe["id"]])
