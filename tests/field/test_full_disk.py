"""A DATA_DIR that is full: a small tmpfs, a real origin, and room that comes later."""

from __future__ import annotations

import os
import subprocess

from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase, events_of

_MIB = 1 << 20
_DISK_BYTES = 40 * _MIB
_FILLER_BYTES = 30 * _MIB


class FullDiskTests(FieldTestCase):
    """An image of some 25 MiB on a disk that has room for 10, and then for 40."""

    def setUp(self) -> None:
        super().setUp()
        self.mount()
        self.filler = self.data / "somebody-elses"
        self.filler.write_bytes(bytes(_FILLER_BYTES))
        self.part = self.data / (file_name("1") + ".part")

    def mount(self) -> None:
        """Mount a tmpfs on DATA_DIR: a test that cannot do that fails, it is not skipped."""
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        options = f"size={_DISK_BYTES},mode=1777"
        done = subprocess.run(
            [*as_root, "mount", "-t", "tmpfs", "-o", options, "full-disk-test", str(self.data)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                "a tmpfs cannot be mounted, which the tests of a full disk need; run them as root"
                " or with a sudo that asks for no password, in a container with"
                f" --cap-add=SYS_ADMIN: {done.stderr.decode('utf-8', 'replace').strip()}"
            )
        self.addCleanup(subprocess.run, [*as_root, "umount", "--lazy", str(self.data)], check=True)

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
