"""Images that are built of recipes, by something in place of kiwi."""

from __future__ import annotations

import io
import tarfile

from tests.engines.faulty_proxy import Fault, start_faulty_proxy
from tests.image_management.jobs.local.archives import tar_of, unpacked
from tests.image_management.jobs.local.host import HostCase
from tests.image_management.service import Unhurried, connection_of

CONFIG = b"<image><repository><source path='obs://x'/></repository></image>"


class CreateTests(HostCase):
    async def test_built(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(
            host,
            {
                "config.xml": b"<image name='{{NAME}}'/>",
                ".ims_recipe_template.yaml": b"template_files: [config.xml]",
            },
            template_dictionary={"NAME": "filled in"},
        )
        job = await host.make_job("create", recipe, initrd_file_name="initrd")
        ended = await host.ended(job)
        self.assertEqual((ended["status"], ended["status_reason"]), ("success", ""), ended["log"])
        artifacts = await host.artifacts(ended["resultant_image_id"])
        self.assertEqual(
            {*artifacts}, {"rootfs", "kernel", "initrd"}, "boot_parameters are not there"
        )
        root = unpacked(artifacts["rootfs"], self.folder / "new")
        self.assertEqual((root / "description").read_text(), "<image name='filled in'/>")
        stages = [line.split()[1] for line in ended["log"].splitlines() if line.startswith("== ")]
        self.assertEqual(
            stages,
            [
                "creating",
                "fetching_recipe",
                "waiting_for_repos",
                "building_image",
                "packaging_artifacts",
            ],
        )
        self.assertIn("no repository", ended["log"])
        self.assertIn("limit 5 GiB\nlimit 2 GiB\n", ended["log"], "of memory, and of a file")
        counted = 'image_management_jobs{job_type="create",status="success"} 1.0'
        metrics = ""
        while counted not in metrics:  # what is written down is counted at once
            metrics = (await host.ims.ask("GET", "/metrics")).text
        self.assertIn('job_stage_duration_seconds_count{stage="building_image"} 1.0', metrics)
        tail = await host.ims.ask("GET", f"/v3/jobs/{job['id']}/log?tail=2")
        self.assertIn("/initrd: ", tail.text)
        self.assertNotIn("packaging_artifacts", tail.text)
        page = (await host.ims.ask("GET", f"/page/jobs/{job['id']}")).text
        self.assertEqual(page.count('<li class="passed">'), len(stages))
        self.assertEqual(page.count("<small>"), len(stages) - 1, "how long each took")
        await self.delete(host, job)

    async def test_bad_recipes(self) -> None:
        """What an attacker may try: each is an error that says what is wrong."""
        host = await self.start_host()
        entities = b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><image>&y;</image>'
        for archive, reason in (
            (b"no archive", "recipe: no tar archive"),
            (tar_of({"../x": b"x"}), "recipe: '../x'"),
            (tar_of({"/etc/cron.d/x": b"x"}), "recipe: '/etc/cron.d/x'"),
            (_special(), "recipe: 'device'"),
            (tar_of({"other.xml": b""}), "recipe: config.xml: No such file"),
            (_linked("config.xml", "/etc/passwd"), "recipe: config.xml: No such file"),
            (tar_of({"config.xml": entities}), "recipe: config.xml: DTDForbidden"),
            (tar_of({"config.xml": b"<image>"}), "recipe: config.xml: ParseError"),
            (tar_of({"config.xml": b"<image><fails/></image>"}), "no such package"),
            (
                tar_of(
                    {
                        "config.xml": b"{{ ''.__class__.__mro__ }}",
                        ".ims_recipe_template.yaml": b"template_files: [config.xml]",
                    }
                ),
                "recipe: config.xml: SecurityError",
            ),
        ):
            recipe = await self.make_recipe_of(host, archive, template_dictionary={"a": "b"})
            job = await host.make_job("create", recipe)
            ended = await host.ended(job)
            self.assertEqual(ended["status"], "error", ended["log"])
            self.assertIn(reason, ended["status_reason"], ended["log"])
            self.assertEqual(host.left(job), [])
            self.assertEqual(await host.ims.lists("/images"), [])
            await self.delete(host, job)
        self.assertEqual(host.ims.keys(), set())

    async def test_other_md5(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": CONFIG})
        [key] = host.ims.keys("ims")
        wrong = "0" * 32
        host.ims.s3.client().put_object(
            Bucket="ims", Key=key, Body=tar_of({"config.xml": CONFIG}), Metadata={"md5sum": wrong}
        )
        ended = await host.ended(await host.make_job("create", recipe))
        self.assertEqual(ended["status"], "error")
        self.assertRegex(ended["status_reason"], f"md5 of .* is [0-9a-f]{{32}}, expected {wrong}")

    async def test_no_kernel(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": CONFIG})
        for members, path in (
            ({"kernel_file_name": "bzImage"}, "boot/bzImage"),
            ({"initrd_file_name": "initrd.xz"}, "boot/initrd.xz"),
        ):
            ended = await host.ended(await host.make_job("create", recipe, **members))
            self.assertEqual(ended["status"], "error")
            self.assertEqual(ended["status_reason"], f"{path}: no such file or directory")
            self.assertIsNone(ended["resultant_image_id"])

    async def test_upload_fails(self) -> None:
        """Of what was uploaded before nothing is left, and there is no image."""
        s3 = await self.start_s3()
        proxy = start_faulty_proxy(self, s3.access.endpoint)
        host = await self.start_host_beside(s3, {"S3_ENDPOINT": proxy.endpoint})
        recipe = await self.make_recipe(host, {"config.xml": CONFIG})
        proxy.fail("PutObject", Fault.UNAVAILABLE, float("inf"), spared=2)
        job = await host.make_job("create", recipe)
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "error")
        self.assertIn("503", ended["status_reason"])
        self.assertIsNone(ended["resultant_image_id"])
        self.assertIn("/rootfs: ", ended["log"])
        self.assertEqual(host.ims.keys(), set())
        self.assertEqual(await host.ims.lists("/images"), [])
        await self.delete(host, job)

    async def test_no_room(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": CONFIG})
        job = await host.make_job("create", recipe, build_env_size=1_000_000)
        ended = await host.ended(job)
        self.assertRegex(ended["status_reason"], "^disk: .* GiB are free")

    async def test_stage_takes_too_long(self) -> None:
        """Nothing of it runs on."""
        host = await self.start_host(IMS_STAGE_TIMEOUT="3")
        recipe = await self.make_recipe(host, {"config.xml": b"<image><slow/></image>"})
        job = await host.make_job("create", recipe)
        ended = await host.ended(job)
        self.assertEqual(ended["status_reason"], "not done within 3 s")
        await self.delete(host, job)

    async def test_deleted_while_it_builds(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": b"<image><slow/></image>"})
        job = await host.make_job("create", recipe)
        follower = await host.follow(job)
        await follower.until("slowly")
        await self.delete(host, job)
        await follower.closed

    async def test_follower_that_does_not_read(self) -> None:
        """It holds nothing up."""
        host = await self.start_host()
        loud = b"<image><loud/></image>"
        job = await host.make_job("create", await self.make_recipe(host, {"config.xml": loud}))
        slow = await host.ims.begin(Unhurried(), "GET", f"/v3/jobs/{job['id']}/log?follow=true")
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"][-2000:])
        await self.delete(host, job)
        connection_of(slow).abortConnection()

    async def test_debug(self) -> None:
        """Somebody looks at a build that has failed; it stays one, whatever they do."""
        host = await self.start_host(IMS_KEEP_FAILED="true")
        recipe = await self.make_recipe(host, {"config.xml": b"<image><fails/></image>"})
        job = await host.make_job("create", recipe, enable_debug=True)
        await (await host.follow(job)).until("== waiting_on_user")
        path = f"/v3/jobs/{job['id']}"
        self.assertEqual((await host.ims.get(path))["ssh_containers"][0]["name"], "debug")
        self.assertEqual((await host.ims.ask("PATCH", path, {"operation": "finish"})).status, 200)
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "error")
        self.assertIn("no such package", ended["status_reason"])
        self.assertIn("debugging", ended["log"])
        self.assertTrue((host.work_dir / job["id"] / "build/build/image-root").is_dir())
        await self.delete(host, job)


def _special() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        member = tarfile.TarInfo("device")
        member.type = tarfile.CHRTYPE
        tar.addfile(member)
    return data.getvalue()


def _linked(name: str, target: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        tar.addfile(member)
    return data.getvalue()
