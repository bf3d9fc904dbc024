"""Images that somebody customises on this host, by OpenSSH."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.image_management.jobs.local.archives import (
    INITRD,
    KERNEL,
    PARAMETERS,
    busybox_root,
    squashfs_of,
    unpacked,
)
from tests.image_management.jobs.local.host import Host, HostCase, listens, port_of
from tests.running import run


class CustomizeTests(HostCase):
    async def test_by_signal_file(self) -> None:
        host = await self.start_host()
        image = await self.make_image(host, squashfs_of(busybox_root(self.folder / "root")))
        job = await host.make_job("customize", image)
        # The job has a copy of it.
        self.assert_nothing(await host.ims.ask("DELETE", f"/public-keys/{host.public_key_id}"))
        self.assertEqual(job["backend"], "local")
        for folder in (host.work_dir, host.work_dir / job["id"]):
            self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        follower = await host.follow(job)
        await follower.until("== waiting_on_user")
        waiting = await host.ims.get(f"/jobs/{job['id']}")
        self.assertEqual(waiting["status"], "waiting_on_user")
        self.assertEqual(waiting["ssh_containers"][0]["status"], "active")
        page = (await host.ims.ask("GET", f"/page/jobs/{job['id']}")).text
        self.assertIn(f"ssh -p {port_of(waiting)} root@", page)
        self.assertIn('aria-current="step"><span>Waiting on user<', page)
        self.assertEqual(await host.ssh(job, "echo ~root && sleep 0"), (0, "/root\n"))
        self.assertEqual(await host.ssh(job, "echo mine > /etc/motd; exit 3"), (3, ""))
        await host.ssh(job, "touch /tmp/complete")
        ended = await host.ended(job)
        self.assertEqual((ended["status"], ended["status_reason"]), ("success", ""), ended["log"])
        artifacts = await host.artifacts(ended["resultant_image_id"])
        root = unpacked(artifacts.pop("rootfs"), self.folder / "new")
        self.assertEqual(
            artifacts, {"kernel": KERNEL, "initrd": INITRD, "boot_parameters": PARAMETERS}
        )
        self.assertEqual((root / "etc/motd").read_text(), "mine\n")
        self.assertFalse((root / "tmp/complete").exists())
        new = await host.ims.get(f"/images/{ended['resultant_image_id']}")
        self.assertEqual((new["name"], new["arch"]), ("new image", "x86_64"))
        self.assertEqual(host.left(job), [])
        await self.delete(host, job)
        self.assertEqual(len(await host.artifacts(new["id"])), 4)

    async def image(self, host: Host) -> str:
        return await self.make_image(host, squashfs_of(busybox_root(self.folder / "root")))

    async def test_by_verb(self) -> None:
        """Twice is fine; it is not for who waits for nobody."""
        host = await self.start_host()
        job = await host.make_job("customize", await self.image(host), require_dkms=False)
        path = f"/v3/jobs/{job['id']}"
        await (await host.follow(job)).until("== waiting_on_user")
        for given in ({"operation": "stop"}, {"operation": "finish", "status": "error"}):
            self.assert_problem(await host.ims.ask("PATCH", path, given), 422, "operation")
        finish = {"operation": "finish"}
        self.assertEqual((await host.ims.ask("PATCH", path, finish)).status, 200)
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"])
        self.assertEqual(ended["ssh_containers"][0]["status"], "complete")
        self.assert_problem(await host.ims.ask("PATCH", path, finish), 409, "waiting_on_user")

    async def test_failed_wins(self) -> None:
        host = await self.start_host()
        image = await self.image(host)
        for command in ("touch /tmp/failed /tmp/complete", "ln -s /nothing /tmp/failed"):
            job = await host.make_job("customize", image)
            await (await host.follow(job)).until("== waiting_on_user")
            await host.ssh(job, command)
            ended = await host.ended(job)
            self.assertEqual(ended["status"], "error")
            self.assertEqual(ended["status_reason"], "its user has given it up")
            self.assertEqual(host.left(job), [])
            await self.delete(host, job)
        self.assertEqual(await host.ims.lists("/images"), [image])

    async def test_deleted_while_open(self) -> None:
        host = await self.start_host()
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("== waiting_on_user")
        session = Deferred.fromCoroutine(host.ssh(job, "touch /begun; sleep 3600"))
        await host.ssh(job, "until test -e /begun; do sleep 0.1; done")
        self.assertTrue(listens(port_of(await host.ims.get(f"/jobs/{job['id']}"))))
        await self.delete(host, job)
        status, _ = await session
        self.assertNotEqual(status, 0)

    async def test_said_by_somebody_else(self) -> None:
        """What is said of a job over HTTP counts, and ends it."""
        host = await self.start_host()
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("== waiting_on_user")
        answer = await host.ims.ask("PATCH", f"/jobs/{job['id']}", {"status": "error"})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(host.left(job), [])
        self.assertEqual((await host.ended(job))["status"], "error")

    async def test_bad_images(self) -> None:
        host = await self.start_host()
        root = busybox_root(self.folder / "root")
        bomb = self.folder / "bomb"
        bomb.mkdir()
        with (bomb / "zeros").open("wb") as file:
            file.truncate(3 * 1024**3)
        for data, md5, reason in (
            (b"no squashfs", "", "unsquashfs ended with status 1"),
            (squashfs_of(bomb), "", "unsquashfs"),
            (squashfs_of(root), "0" * 32, "md5 of s3://boot-images/"),
        ):
            image = await self.make_image(host, data, md5)
            job = await host.make_job("customize", image)
            ended = await host.ended(job)
            self.assertEqual(ended["status"], "error", ended["log"])
            self.assertIn(reason, ended["status_reason"])
            self.assertEqual(host.left(job), [])
            await self.delete(host, job)

    async def test_kernel_that_leads_out(self) -> None:
        """It is looked for in the image, whatever that says."""
        host = await self.start_host()
        root = busybox_root(self.folder / "root")
        secret = self.folder / "secret"
        secret.write_text("of the host")
        for target in (secret, os.path.relpath(secret, "/boot"), "/", "/bin", "/dev/zero"):
            (root / "boot/vmlinuz").unlink()
            (root / "boot/vmlinuz").symlink_to(target)
            image = await self.make_image(host, squashfs_of(root))
            job = await host.make_job("customize", image)
            await (await host.follow(job)).until("== waiting_on_user")
            await host.ims.ask("PATCH", f"/v3/jobs/{job['id']}", {"operation": "finish"})
            ended = await host.ended(job)
            self.assertEqual(ended["status"], "error", ended["log"])
            self.assertTrue(ended["status_reason"].startswith("boot/vmlinuz: "), ended)
            root.with_suffix(".sqsh").unlink()

    async def test_what_a_session_sees_of_the_service(self) -> None:
        """The network is shared, as in a pod; what the service knows is nowhere in there."""
        host = await self.start_host()
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("== waiting_on_user")
        version = f"http://127.0.0.1:{host.ims.process.ports['http']}/version"
        self.assertIn("version", (await host.ssh(job, f"wget -q -O - {version}"))[1])
        status, said = await host.ssh(job, "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; ls /")
        self.assertEqual(status, 0)
        self.assertIn(f"IMS_JOB_ID={job['id']}", said)
        access = host.ims.s3.access
        for secret in (access.access_key, access.secret_key, access.endpoint, str(host.work_dir)):
            self.assertNotIn(secret, said)

    async def test_unknown_md5(self) -> None:
        host = await self.start_host()
        data = squashfs_of(busybox_root(self.folder / "root"))
        job = await host.make_job("customize", await self.make_image(host, data, None))
        follower = await host.follow(job)
        await follower.until("== waiting_on_user")
        self.assertIn("nobody knows the MD5: nothing is checked", follower.text)

    async def test_waiting_takes_no_slot(self) -> None:
        host = await self.start_host(IMS_JOB_SLOTS="1")
        image = await self.image(host)
        for _ in range(2):
            job = await host.make_job("customize", image)
            await (await host.follow(job)).until("== waiting_on_user")

    async def test_something_cannot_be_removed(self) -> None:
        """Nothing is removed across a mount; that job stays, and others go."""
        host = await self.start_host()
        recipe = await self.make_recipe_of(host, b"no archive")
        jobs = [await host.make_job("create", recipe) for _ in range(3)]
        for job in jobs:
            await host.ended(job)
        mount = host.work_dir / jobs[1]["id"] / "mount"
        mount.mkdir()
        await run("mount", "-t", "tmpfs", "x", mount)
        try:
            (mount / "file").touch()
            answer = await host.ims.ask("DELETE", "/v3/jobs?status=error")
            problem = self.assert_problem(answer, 502, "mount")
            [told] = problem["errors"]["jobs"]
            self.assertIn(jobs[1]["id"], told)
            self.assertEqual(await host.ims.lists("/jobs"), [jobs[1]["id"]])
            one = await host.ims.ask("DELETE", f"/v3/jobs/{jobs[1]['id']}")
            self.assert_problem(one, 502, "mount")
            self.assertTrue((mount / "file").exists())
        finally:
            await run("umount", mount)
        self.assert_nothing(await host.ims.ask("DELETE", "/v3/jobs?status=error"))
        self.assertEqual([*host.work_dir.iterdir()], [])

    async def test_removed_while_s3_is_away(self) -> None:
        """What may be left in S3 has its job, until it is not."""
        host = await self.start_host()
        job = await host.make_job("create", await self.make_recipe_of(host, b"no archive"))
        await host.ended(job)
        await host.ims.s3.kill()
        answer = await host.ims.ask("DELETE", f"/v3/jobs/{job['id']}")
        self.assert_problem(answer, 502, "S3: ")
        self.assertEqual(await host.ims.lists("/jobs"), [job["id"]])
        await host.ims.s3.start()
        await self.delete(host, job)

    async def test_no_more_shells(self) -> None:
        await self.check_room("wait for their users", IMS_JOB_SHELLS="1")

    async def test_at_once(self) -> None:
        """There are no more than there may be, however many ask at once."""
        host = await self.start_host(IMS_JOB_SHELLS="2")
        given = self.given(host, await self.image(host))
        asked = [Deferred.fromCoroutine(host.ims.ask("POST", "/jobs", given)) for _ in range(6)]
        statuses = sorted(answer.status for answer in await gatherResults(asked))
        self.assertEqual(statuses, [201, 201, 503, 503, 503, 503])
        self.assertEqual(len(await host.ims.lists("/jobs")), 2)
        self.assertEqual(len([*host.work_dir.iterdir()]), 2)

    async def test_no_more_ports(self) -> None:
        """None is listened on that the site's firewall does not know."""
        with socket.create_server(("", 0)) as probe:
            port = probe.getsockname()[1]
        await self.check_room("IMS_SSH_PORTS", IMS_SSH_PORTS=f"{port}-{port}")

    async def check_room(self, reason: str, **settings: str) -> None:
        """There is room for one job; a second is refused until the first is deleted."""
        host = await self.start_host(**settings)
        image = await self.image(host)
        job = await host.make_job("customize", image)
        given = self.given(host, image)
        refused = await host.ims.ask("POST", "/jobs", given)
        self.assert_problem(refused, 503, reason)
        self.assertEqual(refused.header("retry-after"), "60")
        self.assertEqual(await host.ims.lists("/jobs"), [job["id"]])
        await self.delete(host, job)
        await host.make_job("customize", image)

    def given(self, host: Host, image: str) -> dict[str, Any]:
        """What makes a job."""
        return {
            "job_type": "customize",
            "artifact_id": image,
            "public_key_id": host.public_key_id,
            "image_root_archive_name": "x",
            "build_env_size": 1,
        }

    async def test_nobody_came(self) -> None:
        """The user's turn is not for ever, where that is asked for."""
        host = await self.start_host(IMS_JOB_IDLE_TIMEOUT="0.0001")
        job = await host.make_job("customize", await self.image(host))
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "error")
        self.assertIn("nobody came", ended["status_reason"])

    async def test_ca_certificate(self) -> None:
        certificate = self.folder / "authority.crt"
        certificate.write_text("a certificate")
        host = await self.start_host(CA_CERT=str(certificate))
        job = await host.make_job("customize", await self.image(host))
        await (await host.follow(job)).until("== waiting_on_user")
        await host.ims.ask("PATCH", f"/v3/jobs/{job['id']}", {"operation": "finish"})
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"])
        rootfs = (await host.artifacts(ended["resultant_image_id"]))["rootfs"]
        root = unpacked(rootfs, self.folder / "new")
        self.assertEqual((root / "etc/cray/ca/authority.crt").read_text(), "a certificate")
