"""Jobs over HTTP: what is found out before one is made, and those that there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from image_management.values import time_text
from tests.image_management.clients.kept_jobs import folder_with, kept_job
from tests.image_management.routes.test_links import ROOT, manifest_of
from tests.image_management.routes.test_records import BASES, INPUTS
from tests.image_management.service import NOBODY, PUBLIC_KEY, ServiceTestCase, json_of


def ago(**time: float) -> str:
    return time_text((datetime.now(UTC) - timedelta(**time)).timestamp())


class KeptJobTests(ServiceTestCase):
    """Jobs that another service has made."""

    async def test_read_and_changed(self) -> None:
        ims = await self.start(
            folder_with(self.mktemp(), kept_job(1), kept_job(2, status="waiting_on_user"))
        )
        for base in BASES:
            first, second = await ims.get(f"{base}/jobs")
            self.assertEqual((second["status"], second["build_env_size"]), ("waiting_on_user", 15))
            path = f"{base}/jobs/{second['id']}"
            self.assertEqual(await ims.get(path), second)
            for patch in (
                {"resultant_image_id": NOBODY},
                {"status": "packaging_artifacts"},
                {"status": "success", "resultant_image_id": first["id"]},
                {"status": "waiting_on_user"},
            ):
                second |= patch
                self.assertEqual(json_of(await ims.ask("PATCH", path, patch)), second)
            for patch in ({"status": "done"}, {"job_type": "create"}, {"resultant_image_id": "x"}):
                problem = self.assert_problem(await ims.ask("PATCH", path, patch), 422)
                self.assertEqual([*problem["errors"]], [*patch])
            self.assert_problem(await ims.ask("PATCH", f"{base}/jobs/{NOBODY}", {}), 404)
        for query, expected in (("status=success", [first["id"]]), ("job_type=customize", [])):
            self.assertEqual(await ims.lists(f"/jobs?{query}"), expected)
        self.assert_problem(await ims.ask("GET", "/jobs?status=done"), 400)
        self.assert_nothing(await ims.ask("DELETE", f"/jobs/{first['id']}"))
        self.assert_problem(await ims.ask("DELETE", f"/v3/jobs/{first['id']}"), 404)
        self.assertEqual(await ims.lists("/jobs"), [second["id"]])

    async def test_deleted_by_what_they_are(self) -> None:
        """A slip deletes nothing."""
        jobs = [
            kept_job(1, status="error", created=ago(days=8)),
            kept_job(2, status="error", created=ago(days=1)),
            kept_job(3, created=ago(days=8), job_type="customize"),
            kept_job(4, created=ago(hours=30), status="creating"),
            kept_job(5, created=ago(minutes=1)),
        ]
        ims = await self.start(folder_with(self.mktemp(), *jobs))
        ids = [one["id"] for one in jobs]
        for query, name in {
            "age=1x": "age",
            "age=": "age",
            "age=1": "age",
            "age=d": "age",
            "age=1d%202h": "age",
            "age=-1d": "age",
            "age=1.5d": "age",
            "age=1d&age=2d": "age",
            "status=done": "status",
            "status=error&status=done": "status",
            "job_type=build": "job_type",
            "stauts=error": "stauts",
        }.items():
            self.assert_problem(await ims.ask("DELETE", f"/v3/jobs?{query}"), 400, name)
            self.assertEqual(await ims.lists("/jobs"), ids, query)
        for query, left in (
            ("age=52w", [1, 2, 3, 4, 5]),
            ("status=creating&job_type=customize", [1, 2, 3, 4, 5]),
            ("status=error&age=1w", [2, 3, 4, 5]),
            ("job_type=customize", [2, 4, 5]),
            ("status=creating&status=error&age=1d5h30m", [2, 5]),
            ("age=90m", [5]),
            ("", []),
        ):
            self.assert_nothing(await ims.ask("DELETE", f"/v2/jobs?{query}"))
            expected = [ids[number - 1] for number in left]
            self.assertEqual(await ims.lists("/jobs"), expected, query)


class NewJobTests(ServiceTestCase):
    """The checks, in their order: each case has nothing wrong of what is found out before."""

    async def test_order(self) -> None:
        ims = await self.start()
        ims.put("recipe.tgz", b"recipe", "ims")
        recipe_link = ims.put("recipe.tgz", b"recipe", "ims")
        recipe = (await ims.make("/recipes", **INPUTS["recipes"], link=recipe_link))["id"]
        bare = (await ims.make("/recipes", **INPUTS["recipes"]))["id"]
        gone_link = ims.put("gone.tgz", b"recipe", "ims")
        gone = (await ims.make("/recipes", **INPUTS["recipes"], link=gone_link))["id"]
        ims.s3.client().delete_object(Bucket="ims", Key="gone.tgz")
        key = (await ims.make("/public-keys", name="k", public_key=PUBLIC_KEY))["id"]
        unused = (await ims.make("/public-keys", name="k", public_key=PUBLIC_KEY))["id"]
        self.assert_nothing(await ims.ask("DELETE", f"/v3/public-keys/{unused}"))
        image = (await ims.make("/images", name="x", link=ims.put_image("one")))["id"]
        create: dict[str, Any] = {
            "job_type": "create",
            "artifact_id": recipe,
            "public_key_id": key,
            "image_root_archive_name": "new",
        }
        customize = {**create, "job_type": "customize", "artifact_id": image}
        nobody: dict[str, Any] = {"public_key_id": NOBODY}
        container = {"name": "a", "jail": "yes"}

        for given, status, text in (
            ({**create, "job_type": "build"}, 422, "job_type"),
            ({**create, "status": "success"}, 422, "status"),
            ({**create, "image_root_archive_name": "../x"}, 422, "image_root_archive_name"),
            ({**create, "build_env_size": "much"}, 422, "build_env_size"),
            ({**create, "artifact_id": NOBODY, "ssh_containers": [container]}, 400, "ssh_"),
            ({**customize, "artifact_id": NOBODY, "ssh_containers": [container] * 2}, 400, "ssh_"),
            ({**create, "artifact_id": NOBODY, **nobody}, 400, f"no recipe {NOBODY}"),
            ({**create, "artifact_id": image, **nobody}, 400, f"no recipe {image}"),
            ({**customize, "artifact_id": recipe, **nobody}, 400, f"no image {recipe}"),
            ({**create, "artifact_id": bare, **nobody}, 400, "has no link"),
            ({**create, "artifact_id": gone, **nobody}, 422, "s3://ims/gone.tgz"),
            ({**create, **nobody}, 400, f"no public key {NOBODY}"),
            ({**create, "public_key_id": unused}, 400, f"no public key {unused}"),
            (create, 503, "no job backend is configured"),
            ({**create, "enable_debug": "true", "build_env_size": "20"}, 503, "backend"),
            ({**create, "ssh_containers": None, "kernel_file_name": ""}, 503, "backend"),
            (customize, 503, "no job backend is configured"),
            ({**customize, "ssh_containers": [container]}, 503, "backend"),
        ):
            for base in BASES:
                self.assert_problem(await ims.ask("POST", f"{base}/jobs", given), status, text)
        for body, kind, status in ((b"{", "application/json", 400), (b"{}", "text/plain", 415)):
            headers = {"Content-Type": kind}
            answer = await ims.ask("POST", "/jobs", body=body, headers=headers)
            self.assert_problem(answer, status)
        self.assertEqual(await ims.lists("/jobs"), [])
        # A manifest may have been written anew since it was set.
        link = ims.put("root", b"hsqs")
        root = {"type": ROOT, "link": link}
        lost = {"type": ROOT, "link": {**link, "path": "s3://boot-images/lost"}}
        for data, status, text in (
            (b"{", 400, "JSON"),
            (manifest_of(root, version="2"), 400, "version"),
            (b'{"version": "1.0"}', 400, "artifacts"),
            (manifest_of(), 400, "no root file system"),
            (manifest_of(root, root), 400, "2 root file systems"),
            (manifest_of({"type": ROOT}), 400, "link"),
            (manifest_of(root) + b" " * 1024**2, 400, "too large"),
            (manifest_of(lost), 422, "s3://boot-images/lost"),
            (manifest_of(root), 400, "public key"),
        ):
            ims.put("one/manifest.json", data)
            answer = await ims.ask("POST", "/jobs", {**customize, **nobody})
            self.assert_problem(answer, status, text)
        await ims.s3.kill()
        self.assert_problem(await ims.ask("POST", "/jobs", create), 502, "HEAD of the object")
        self.assert_problem(await ims.ask("POST", "/jobs", customize), 502, "of the object")
        self.assertEqual(await ims.lists("/jobs"), [])
