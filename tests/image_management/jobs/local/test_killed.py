"""The service is killed with a job in each stage: of none is anything left once it is deleted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.engines.faulty_proxy import Fault, start_faulty_proxy
from tests.httpd.outbound.servers import ServerTestCase, always, response
from tests.image_management.jobs.local.archives import busybox_root, squashfs_of
from tests.image_management.jobs.local.host import listens, port_of, processes_of, uploads
from tests.image_management.jobs.local.test_restart import KilledCase

UNAVAILABLE = response("503 Service Unavailable", connection="close")


def nothing_runs(job: Mapping[str, Any]) -> bool:
    return processes_of(job) == []


class KilledTests(KilledCase, ServerTestCase):
    async def test_deleted(self) -> None:
        s3 = await self.start_s3()
        self.proxy = start_faulty_proxy(self, s3.access.endpoint)
        settings = self.hanging("unsquashfs", "mksquashfs")
        settings |= {"S3_ENDPOINT": self.proxy.endpoint, "IMS_JOB_SLOTS": "9"}
        self.host = await self.start_host_beside(s3, settings)
        root = busybox_root(self.folder / "root")
        (root / "large").write_bytes(os.urandom(10_000_000))
        self.source = await self.make_image(self.host, squashfs_of(root))
        objects = self.host.ims.keys()
        jobs = {
            name: await begin()
            for name, begin in {
                "waiting_on_user": self.with_its_user,
                "packaging_artifacts": self.packing,
                "uploading": self.uploading,
                "unpacking": self.unpacking,
                "building_image": self.building,
                "waiting_for_repos": self.waiting_for_repositories,
                "downloading": self.downloading,
            }.items()
        }
        await self.kill(self.host)
        self.assertNotEqual((await self.session)[0], 0)
        self.assertEqual(len(uploads(self.host)), 1)
        for job in jobs.values():
            await self.until(partial(nothing_runs, job))
        self.assertFalse(listens(port_of(jobs["waiting_on_user"])))
        self.flag("unsquashfs").touch()
        self.flag("mksquashfs").touch()
        self.proxy.fail("GetObject", Fault.STALLS, float("inf"))
        self.host = await self.restarted(self.host)
        await self.until(lambda: listens(port_of(jobs["waiting_on_user"])))
        for job in jobs.values():
            await self.delete(self.host, job)
        self.assertEqual([*self.host.work_dir.iterdir()], [])
        self.assertEqual(self.host.ims.keys(), objects)
        self.assertEqual(uploads(self.host), [])
        self.assertEqual(await self.host.ims.lists("/images"), [self.source])
        self.assertNotIn(str(self.host.work_dir), Path("/proc/self/mountinfo").read_text())

    async def with_its_user(self) -> dict[str, Any]:
        job, _ = await self.customized(self.host, self.source)
        self.session = Deferred.fromCoroutine(self.host.ssh(job, "touch /begun; sleep 3600"))
        await self.host.ssh(job, "until test -e /begun; do sleep 0.1; done")
        found: dict[str, Any] = await self.host.ims.get(f"/jobs/{job['id']}")
        return found

    async def packing(self) -> dict[str, Any]:
        self.flag("mksquashfs").touch()
        job, follower = await self.customized(self.host, self.source)
        await self.finish(self.host, job)
        await follower.until("hangs")
        self.flag("mksquashfs").unlink()
        return job

    async def uploading(self) -> dict[str, Any]:
        job, _ = await self.customized(self.host, self.source)
        self.proxy.fail("UploadPart", Fault.SILENT, spared=1)
        await self.finish(self.host, job)
        await self.until(lambda: self.proxy.seen["UploadPart"] == 2)
        return job

    async def unpacking(self) -> dict[str, Any]:
        self.flag("unsquashfs").touch()
        job = await self.host.make_job("customize", self.source)
        await (await self.host.follow(job)).until("hangs")
        self.flag("unsquashfs").unlink()
        return job

    async def building(self) -> dict[str, Any]:
        return await self.created("<image><slow/></image>", "slowly")

    async def waiting_for_repositories(self) -> dict[str, Any]:
        url = self.serve(always(UNAVAILABLE)).url
        config = f"<image><repository><source path='{url}'/></repository></image>"
        return await self.created(config, "repomd.xml: 503")

    async def created(self, config: str, said: str) -> dict[str, Any]:
        recipe = await self.make_recipe(self.host, {"config.xml": config.encode()})
        job = await self.host.make_job("create", recipe)
        await (await self.host.follow(job)).until(said)
        return job

    async def downloading(self) -> dict[str, Any]:
        self.proxy.fail("GetObject", Fault.STALLS, spared=1)
        job = await self.host.make_job("customize", self.source)
        folder = self.host.work_dir / job["id"]
        await self.until(lambda: sum(one.stat().st_size for one in folder.glob("source.*")))
        return job
