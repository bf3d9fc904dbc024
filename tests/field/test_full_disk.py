"""A DATA_DIR that is full, or read-only: a small tmpfs, and what comes of it."""

from __future__ import annotations

import os
import subprocess

from assisted_images.settings.files import file_problems
from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase, events_of

_MIB = 1 << 20
_DISK_BYTES = 40 * _MIB
_FILLER_BYTES = 30 * _MIB

_AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


class DiskTestCase(FieldTestCase):
    """A DATA_DIR on a disk of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.mount()

    def mount(self) -> None:
        """Mount a tmpfs on DATA_DIR: a test that cannot do that fails, it is not skipped."""
        self.mount_with(f"size={_DISK_BYTES},mode=1777")
        self.addCleanup(subprocess.run, [*_AS_ROOT, "umount", "--lazy", str(self.data)], check=True)

    def mount_with(self, options: str) -> None:
        done = subprocess.run(
            [*_AS_ROOT, "mount", "-t", "tmpfs", "-o", options, "full-disk-test", str(self.data)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                "a tmpfs cannot be mounted, which the tests of a full disk need; run them as root"
                " or with a sudo that asks for no password, in a container with"
                f" --cap-add=SYS_ADMIN: {done.stderr.decode('utf-8', 'replace').strip()}"
            )


class FullDiskTests(DiskTestCase):
    """An image of some 25 MiB on a disk that has room for 10, and then for 40."""

    def setUp(self) -> None:
        super().setUp()
        self.filler = self.data / "somebody-elses"
        self.filler.write_bytes(bytes(_FILLER_BYTES))
        self.part = self.data / (file_name("1") + ".part")

    async def failing(self, origin: Origin) -> ServiceProcess:
        """A service that has found out that there is no room; it goes on running."""
        service = await self.start(os_images({"version": "1", "url": self.serve(origin).url}))
        await self.until_states(service, "failed")
        self.assertEqual(await service.status_of("/live"), 200)
        self.assertEqual(await service.status_of("/health"), 503)
        return service

    async def assert_recovers(self, service: ServiceProcess) -> None:
        self.filler.unlink()
        await service.wait_until_healthy(30, poll=0.05)
        self.assertEqual((self.data / file_name("1")).read_bytes(), noisy_image())
        self.assertFalse(self.part.exists())
        got = await self.get(service, self.full_iso(), {"Range": "bytes=0-9"})
        self.assertEqual(got.status, 206)

    async def test_seen_beforehand(self) -> None:
        """The origin says how much is to come: nothing is written that cannot be completed."""
        origin = Origin(noisy_image())
        service = await self.failing(origin)
        [image] = await self.status(service)
        self.assertRegex(
            image["reason"],
            f"^{len(noisy_image())} bytes are to come, but only [0-9]+ are free on the disk$",
        )
        self.assertIsNotNone(image["next_try"])
        self.assertEqual(self.part.stat().st_size, 0)
        await self.assert_recovers(service)

    async def test_seen_too_late(self) -> None:
        """The origin does not say: what has arrived is kept, and not asked for again."""
        origin = Origin(noisy_image(), chunked=True)
        service = await self.failing(origin)
        self.assertEqual(events_of(service, "1")[-1]["reason"], "No space left on device")
        kept = self.part.stat().st_size
        self.assertGreater(kept, _DISK_BYTES - _FILLER_BYTES - _MIB)
        self.assertEqual((await self.status(service))[0]["bytes"], kept)
        self.assertEqual(self.part.read_bytes(), noisy_image()[:kept])
        await self.assert_recovers(service)
        self.assertEqual(origin.asked[0], 0)
        self.assertEqual(set(origin.asked[1:]), {kept})

    async def test_refused_file_gives_way(self) -> None:
        """What was set aside is removed before a download is given up for want of room."""
        self.filler.unlink()
        damaged = self.data / file_name("1")
        damaged.write_bytes(noisy_image()[:-4096])
        origin = Origin(noisy_image(), chunked=True)
        settings = os_images({"version": "1", "url": self.serve(origin).url})
        service = await self.start(settings, healthy=True)
        self.assertNotIn("failed", [event["state"] for event in events_of(service, "1")])
        self.assertEqual(damaged.read_bytes(), noisy_image())
        self.assert_nothing_else(damaged.name)


class ReadOnlyTests(DiskTestCase):
    """A volume that is filled elsewhere."""

    async def start_on_read_only(self, settings: dict[str, str]) -> ServiceProcess:
        self.mount_with("remount,ro")
        return await self.start(settings)

    async def test_serves_what_it_has(self) -> None:
        """Whatever is there besides that would be removed; what is not there is told."""
        image = self.data / file_name("1")
        image.write_bytes(noisy_image())
        for name in (f"{image.name}.part", f"{image.name}.refused", file_name("0"), "notes"):
            (self.data / name).write_bytes(b"x")
        self.names_before = self.names()
        origin = Origin(noisy_image())
        url = self.serve(origin).url
        service = await self.start_on_read_only(
            os_images({"version": "1", "url": url}, {"version": "2", "url": url})
        )
        await self.until_states(service, "ready", "failed")
        self.assertIn("Read-only file system", (await self.status(service))[1]["reason"])
        for path in (self.full_iso(), self.full_iso().replace("full", "minimal")):
            got = await self.get(service, path, {"Range": "bytes=0-9"})
            self.assertEqual(got.status, 206)
        self.assertEqual(self.names(), self.names_before)
        self.assertEqual(origin.asked, [])
        self.assertIn("may not be written", "\n".join(service.lines))

    async def test_damaged(self) -> None:
        """The reason is that of the check, though it cannot be set aside."""
        (self.data / file_name("1")).write_bytes(noisy_image()[:-2048])
        service = await self.start_on_read_only(
            os_images({"version": "1", "url": "http://[::1]:1"})
        )
        await self.until_states(service, "failed")
        reason = (await self.status(service))[0]["reason"]
        self.assertRegex(reason, "ends at .*; it cannot be set aside: Read-only file system")

    def test_nothing_to_serve(self) -> None:
        """That is a wrong setting."""
        self.mount_with("remount,ro")
        problems = [*file_problems({"data_dir": self.data}, {"data_dir": "DATA_DIR"})]
        self.assertEqual(len(problems), 1)
        self.assertIn("may not be written", problems[0])
