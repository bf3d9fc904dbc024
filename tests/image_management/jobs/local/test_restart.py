"""The service is killed while jobs are under way, and another one goes on with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from signal import SIGKILL
from typing import Any

from tests.image_management.jobs.local.host import (
    Host,
    HostCase,
    busybox_root,
    squashfs_of,
    unpacked,
)
from tests.running import found_program

_SECONDS = 30.0

_HANGS_ONCE = """\
#!{python}
import os, pathlib, sys, time
been = pathlib.Path({been!r})
if not been.exists():
    been.touch()
    print("hangs", flush=True)
    time.sleep(3600)
os.execv({program!r}, sys.argv)
"""


class RestartTests(HostCase):
    timeout = 240

    async def kill(self, host: Host) -> None:
        process = host.ims.process
        self.assertEqual(await process.stop(_SECONDS, "KILL"), -SIGKILL)
        process.exit_status = 0  # it was meant

    async def killed(self, host: Host) -> Host:
        """Kill the service, and start another."""
        await self.kill(host)
        return await self.restarted(host)

    async def finish(self, host: Host, job: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v3/jobs/{job['id']}"
        self.assertEqual((await host.ims.ask("PATCH", path, {"operation": "finish"})).status, 200)
        return await self.succeeded(host, job)

    async def succeeded(self, host: Host, job: Mapping[str, Any]) -> dict[str, Any]:
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"])
        self.assertEqual(ended["status_reason"], "")
        await host.artifacts(ended["resultant_image_id"])
        return ended

    def hanging(self, program: str) -> dict[str, str]:
        """The environment in which a program hangs when it is first run."""
        folder = self.folder / "bin"
        folder.mkdir()
        script = folder / program
        script.write_text(
            _HANGS_ONCE.format(
                python=sys.executable,
                been=str(self.folder / f"{program} has hung"),
                program=found_program(program),
            )
        )
        script.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    async def image(self, host: Host) -> str:
        return await self.make_image(host, squashfs_of(busybox_root(self.folder / "root")))

    async def test_fetching_image(self) -> None:
        host = await self.start_host(**self.hanging("unsquashfs"))
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("hangs")
        host = await self.killed(host)
        await (await host.follow(job)).until("== waiting_on_user")
        await self.finish(host, job)
        await self.delete(host, job)

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
        ended = await self.finish(host, job)
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
        job = await host.make_job("customize", await self.image(host))
        follower = await host.follow(job)
        await follower.until("== waiting_on_user")
        path = f"/v3/jobs/{job['id']}"
        self.assertEqual((await host.ims.ask("PATCH", path, {"operation": "finish"})).status, 200)
        await follower.until("hangs")
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
