"""Images that somebody customises on this host, by OpenSSH."""

from __future__ import annotations

from tests.image_management.jobs.local.host import (
    INITRD,
    KERNEL,
    PARAMETERS,
    HostCase,
    busybox_root,
    squashfs_of,
    unpacked,
)


class CustomizeTests(HostCase):
    async def test_by_signal_file(self) -> None:
        host = await self.start_host()
        image = await self.make_image(host, squashfs_of(busybox_root(self.folder / "root")))
        job = await host.make_job("customize", image)
        self.assertEqual((job["status"], job["backend"]), ("creating", "local"))
        follower = await host.follow(job)
        await follower.until("== waiting_on_user")
        waiting = await host.ims.get(f"/jobs/{job['id']}")
        self.assertEqual(waiting["status"], "waiting_on_user")
        self.assertEqual(waiting["ssh_containers"][0]["status"], "active")
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
