"""The service is killed while jobs are under way, and another one goes on with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.engines.faulty_proxy import Fault, start_faulty_proxy
from tests.httpd.outbound.servers import ServerTestCase, always, response, trial_reactor
from tests.image_management.jobs.local.archives import busybox_root, squashfs_of, unpacked
from tests.image_management.jobs.local.host import Follower, Host, HostCase, uploads
from tests.running import found_program

_SECONDS = 30.0

_HANGS = """\
#!{python}
import os, sys, time
if os.path.exists({flag!r}):
    print("hangs", flush=True)
    time.sleep(3600)
os.execv({program!r}, sys.argv)
"""


class KilledCase(HostCase):
    """Kills the service while jobs are at something."""

    timeout = 600

    async def kill(self, host: Host) -> None:
        process = host.ims.process
        self.assertEqual(await process.stop(_SECONDS, "KILL"), -SIGKILL)
        process.exit_status = 0  # it was meant

    async def killed(self, host: Host) -> Host:
        """Kill the service, and start another."""
        await self.kill(host)
        return await self.restarted(host)

    async def finish(self, host: Host, job: Mapping[str, Any]) -> None:
        path = f"/v3/jobs/{job['id']}"
        self.assertEqual((await host.ims.ask("PATCH", path, {"operation": "finish"})).status, 200)

    async def succeeded(self, host: Host, job: Mapping[str, Any]) -> dict[str, Any]:
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"])
        self.assertEqual(ended["status_reason"], "")
        await host.artifacts(ended["resultant_image_id"])
        return ended

    def hanging(self, *programs: str) -> dict[str, str]:
        """The environment in which programs hang as long as that is said (L{hang})."""
        folder = self.folder / "bin"
        folder.mkdir()
        for program in programs:
            script = folder / program
            flag = str(self.flag(program))
            script.write_text(
                _HANGS.format(python=sys.executable, flag=flag, program=found_program(program))
            )
            script.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    def flag(self, program: str) -> Path:
        """The file that says that a program hangs."""
        return self.folder / f"{program} hangs"

    async def image(self, host: Host) -> str:
        return await self.make_image(host, squashfs_of(busybox_root(self.folder / "root")))

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something is so."""
        while not holds():
            await deferLater(trial_reactor(), 0.05)

    async def customized(self, host: Host, image: str) -> tuple[dict[str, Any], Follower]:
        """A job that waits for its user, and its log."""
        job = await host.make_job("customize", image)
        follower = await host.follow(job)
        await follower.until("== waiting_on_user")
        return job, follower


class RestartTests(KilledCase, ServerTestCase):
    """Another process goes on with them."""

    async def test_fetching_image(self) -> None:
        host = await self.start_host(**self.hanging("unsquashfs"))
        self.flag("unsquashfs").touch()
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("hangs")
        self.flag("unsquashfs").unlink()
        host = await self.killed(host)
        await (await host.follow(job)).until("== waiting_on_user")
        await self.finish(host, job)
        await self.succeeded(host, job)
        await self.delete(host, job)

    async def test_downloading(self) -> None:
        """What has come is not asked for again."""
        s3 = await self.start_s3()
        proxy = start_faulty_proxy(self, s3.access.endpoint)
        host = await self.start_host_beside(s3, {"S3_ENDPOINT": proxy.endpoint})
        image = await self.large_image(host)
        proxy.fail("GetObject", Fault.STALLS, spared=1)  # its manifest is looked at before
        job = await host.make_job("customize", image)
        folder = host.work_dir / job["id"]
        await self.until(lambda: sum(one.stat().st_size for one in folder.glob("source.*")))
        await self.kill(host)
        [part] = folder.glob("source.*")
        begun = part.stat().st_size
        asked = len(proxy.ranges)
        host = await self.restarted(host)
        await (await host.follow(job)).until("== waiting_on_user")
        self.assertRegex(proxy.ranges[asked], f"^bytes={begun}-")
        self.assertEqual(len(proxy.ranges), asked + 1)
        await self.finish(host, job)
        ended = await self.succeeded(host, job)
        self.assertIn("md5 as expected", ended["log"])
        await self.delete(host, job)

    async def large_image(self, host: Host) -> str:
        """One whose root file system is uploaded in parts."""
        root = busybox_root(self.folder / "root")
        (root / "large").write_bytes(os.urandom(10_000_000))
        return await self.make_image(host, squashfs_of(root))

    async def test_waiting_for_repositories(self) -> None:
        host = await self.start_host()
        repository = self.serve(always(response("503 Service Unavailable", connection="close")))
        source = f"<image><repository><source path='{repository.url}/x'/></repository></image>"
        recipe = await self.make_recipe(host, {"config.xml": source.encode()})
        job = await host.make_job("create", recipe)
        await (await host.follow(job)).until("repomd.xml: 503")
        repository.answer = always(response(connection="close"))
        host = await self.killed(host)
        ended = await self.succeeded(host, job)
        self.assertIn("repomd.xml: 200", ended["log"])
        self.assertEqual(ended["log"].count("== fetching_recipe"), 1)
        await self.delete(host, job)

    async def test_uploading(self) -> None:
        """Nothing of the first upload is left."""
        s3 = await self.start_s3()
        proxy = start_faulty_proxy(self, s3.access.endpoint)
        host = await self.start_host_beside(s3, {"S3_ENDPOINT": proxy.endpoint})
        job, _ = await self.customized(host, await self.large_image(host))
        proxy.fail("UploadPart", Fault.SILENT, spared=1)
        await self.finish(host, job)
        await self.until(lambda: proxy.seen["UploadPart"] == 2)
        await self.kill(host)
        self.assertEqual(len(uploads(host)), 1)
        host = await self.restarted(host)
        ended = await self.succeeded(host, job)
        self.assertEqual(uploads(host), [])
        self.assertEqual(len(await host.ims.lists("/images")), 2)
        await self.delete(host, job)
        self.assertEqual(len(await host.artifacts(ended["resultant_image_id"])), 4)

    async def test_success_is_not_written_down(self) -> None:
        """Whoever waits for the image has its id before the job is a success."""
        host = await self.start_host(**self.hanging("rm"))
        job, _ = await self.customized(host, await self.image(host))
        self.flag("rm").touch()
        await self.finish(host, job)
        path = f"/jobs/{job['id']}"
        while (record := await host.ims.get(path))["resultant_image_id"] is None:
            pass
        self.assertEqual(record["status"], "packaging_artifacts")
        self.flag("rm").unlink()
        host = await self.killed(host)
        ended = await self.succeeded(host, job)
        self.assertEqual(ended["resultant_image_id"], record["resultant_image_id"])
        self.assertEqual(ended["log"].count("== packaging_artifacts"), 1)
        await self.delete(host, job)

    async def test_error_is_not_written_down(self) -> None:
        """It is not tried again."""
        host = await self.start_host(**self.hanging("rm"))
        self.flag("rm").touch()
        job = await host.make_job("create", await self.make_recipe_of(host, b"no archive"))
        await (await host.follow(job)).until("== error")
        self.flag("rm").unlink()
        host = await self.killed(host)
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "error")
        self.assertIn("recipe: no tar archive", ended["status_reason"])
        self.assertEqual(ended["log"].count("== fetching_recipe"), 1)
        await self.delete(host, job)

    async def test_finished_while_a_session_goes_on(self) -> None:
        """What was answered with 200 is done."""
        host = await self.start_host()
        job, follower = await self.customized(host, await self.image(host))
        stubborn = "trap '' HUP TERM; touch /begun; while sleep 0.1; do :; done"
        session = Deferred.fromCoroutine(host.ssh(job, stubborn))
        await host.ssh(job, "until test -e /begun; do sleep 0.1; done")
        await self.finish(host, job)
        self.assertNotIn("== packaging_artifacts", follower.text)
        host = await self.killed(host)
        self.assertNotEqual((await session)[0], 0)
        ended = await self.succeeded(host, job)
        rootfs = (await host.artifacts(ended["resultant_image_id"]))["rootfs"]
        self.assertFalse((unpacked(rootfs, self.folder / "new") / "tmp/complete").exists())

    async def test_waiting_on_user(self) -> None:
        """On the same port, by the same host key, with the root as it was."""
        host = await self.start_host()
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("== waiting_on_user")
        await host.ssh(job, "echo mine > /etc/motd")
        key = self._host_key()
        before = await host.ims.get(f"/jobs/{job['id']}")
        host = await self.killed(host)
        await self._until_open_again(host, job)
        self.assertEqual(await host.ssh(job, "cat /etc/motd"), (0, "mine\n"))
        self.assertEqual(self._host_key(), key)
        self.assertEqual(await host.ims.get(f"/jobs/{job['id']}"), before)
        await self.finish(host, job)
        ended = await self.succeeded(host, job)
        artifacts = await host.artifacts(ended["resultant_image_id"])
        root = unpacked(artifacts["rootfs"], self.folder / "new")
        self.assertEqual((root / "etc/motd").read_text(), "mine\n")
        await self.delete(host, job)

    async def _until_open_again(self, host: Host, job: Mapping[str, Any]) -> None:
        follower = await host.follow(job)
        while follower.text.count("== waiting_on_user") < 2:
            await follower.more()

    def _host_key(self) -> bytes:
        return (self.folder / "data/ssh/ssh_host_ed25519_key").read_bytes()

    async def test_packaging(self) -> None:
        host = await self.start_host(**self.hanging("mksquashfs"))
        self.flag("mksquashfs").touch()
        job, follower = await self.customized(host, await self.image(host))
        await self.finish(host, job)
        await follower.until("hangs")
        self.flag("mksquashfs").unlink()
        host = await self.killed(host)
        await self.succeeded(host, job)
        self.assertEqual(len(await host.ims.lists("/images")), 2)
        await self.delete(host, job)

    async def test_building(self) -> None:
        """Its second job waits for the first, before and after."""
        host = await self.start_host(IMS_JOB_SLOTS="1")
        once = f"<image><once>{self.folder}/once</once></image>".encode()
        recipe = await self.make_recipe(host, {"config.xml": once})
        first = await host.make_job("create", recipe)
        second = await host.make_job("create", recipe)
        await (await host.follow(first)).until("slowly")
        self.assertEqual((await host.ims.get(f"/jobs/{second['id']}"))["status"], "creating")
        host = await self.killed(host)
        for job in (first, second):
            await self.succeeded(host, job)
            await self.delete(host, job)

    async def test_again_and_again(self) -> None:
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": b"<image><slow/></image>"})
        job = await host.make_job("create", recipe)
        for times in (1, 2, 3):
            follower = await host.follow(job)
            while follower.text.count("slowly") < times:
                await follower.more()
            host = await self.killed(host)
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "error")
        self.assertIn("ended 3 times", ended["status_reason"])
        await self.delete(host, job)

    async def test_told_to_stop(self) -> None:
        """Its status stays, and another process goes on with it."""
        host = await self.start_host()
        once = f"<image><once>{self.folder}/once</once></image>".encode()
        job = await host.make_job("create", await self.make_recipe(host, {"config.xml": once}))
        await (await host.follow(job)).until("slowly")
        self.assertEqual(await host.ims.process.stop(_SECONDS), 0)
        host = await self.restarted(host)
        await self.succeeded(host, job)

    async def test_never_begun(self) -> None:
        """A job without a folder was never answered for, and a folder without a job is nobody's."""
        host = await self.start_host()
        recipe = await self.make_recipe(host, {"config.xml": b"<image><slow/></image>"})
        job = await host.make_job("create", recipe)
        await (await host.follow(job)).until("slowly")
        await self.kill(host)
        nobodys = host.work_dir / "8b2a1d1e-6a5c-4f6e-9f0e-0c1b2a3d4e5f"
        (host.work_dir / job["id"]).rename(nobodys)
        host = await self.restarted(host)
        while await host.ims.lists("/jobs"):
            pass
        self.assertEqual([*host.work_dir.iterdir()], [])
