"""Files that are found at start: damaged ones are never served, sound ones cost next to nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import ITCPTransport

from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import SECONDS, FieldTestCase
from tests.httpd.outbound.servers import Received, response

_SHA256 = hashlib.sha256(noisy_image()).hexdigest()


class IntegrityTests(FieldTestCase):
    """One image, which is there when the service starts."""

    def setUp(self) -> None:
        super().setUp()
        self.target = self.data / file_name("1")
        self.origin = Origin(noisy_image())
        self.down = False

        def answer(received: Received, transport: ITCPTransport) -> None:
            if self.down:
                transport.write(response("503 Down"))
            else:
                self.origin(received, transport)

        self.url = self.serve(answer).url

    def settings(self, **entry: str) -> dict[str, str]:
        return os_images({"version": "1", "url": self.url, **entry})

    async def arrived(self, **entry: str) -> None:
        """Have a service bring the image, and remember what it is."""
        service = await self.start(self.settings(**entry), healthy=True)
        record = self.target.with_name(self.target.name + ".checked.json")
        while not record.exists():
            await self.status(service)
        await service.stop(SECONDS)

    async def assert_never_served(self, settings: dict[str, str]) -> None:
        """Not while the origin is down; what is served once it is up again is the sound file."""
        self.down = True
        service = await self.start(settings)
        await self.until_states(service, "failed")
        paths = [self.full_iso(), "/boot-artifacts/rootfs?version=1"]
        for path in paths:
            self.assertEqual((await self.get(service, path)).status, 503)
        self.assertEqual(await service.status_of("/health"), 503)
        self.assertFalse(self.target.exists())
        self.assertTrue((self.data / (self.target.name + ".refused")).exists())
        self.assertIn("was set aside", "\n".join(service.lines))
        self.down = False
        await service.wait_until_healthy(SECONDS, poll=0.05)
        self.assertEqual(self.target.read_bytes(), noisy_image())
        self.assertFalse((self.data / (self.target.name + ".refused")).exists())
        self.assertEqual((await self.get(service, paths[0])).status, 200)

    def flip_a_byte(self) -> None:
        """Damage that changes neither size nor modification time, in the middle of the rootfs."""
        status = self.target.stat()
        with self.target.open("r+b") as file:
            file.seek(10_000_000)
            byte = file.read(1)[0]
            file.seek(10_000_000)
            file.write(bytes([byte ^ 1]))
        os.utime(self.target, ns=(status.st_atime_ns, status.st_mtime_ns))

    async def test_damaged_between_two_starts(self) -> None:
        """Whether the catalogue gives a sha256, or only the file's own first one is known."""
        for entry in [{"sha256": _SHA256}, {}]:
            self.setUp()
            await self.arrived(**entry)
            self.flip_a_byte()
            await self.assert_never_served(self.settings(**entry))

    async def test_foreign_files(self) -> None:
        """Found in DATA_DIR, put there by others: digest, size, and the files inside count."""
        damages: list[tuple[dict[str, str], Callable[[Path], object]]] = [
            ({"sha256": _SHA256}, lambda path: path.write_bytes(noisy_image()[:-1] + b"x")),
            ({}, lambda path: path.write_bytes(noisy_image()[:-2048])),
            ({}, lambda path: path.write_bytes(noisy_image()[: 20 << 20])),
            ({}, lambda path: path.write_bytes(b"<html>Please log in</html>")),
            ({}, lambda path: path.write_bytes(b"")),
        ]
        for entry, damage in damages:
            self.setUp()
            damage(self.target)
            await self.assert_never_served(self.settings(**entry))

    async def test_too_small_inside(self) -> None:
        """A sound ISO, but what should be its rootfs is less than that."""
        self.target.write_bytes(noisy_image())
        larger = {"MIN_ROOTFS_BYTES": str(25 << 20)}
        service = await self.start(self.settings() | larger)
        await self.until_states(service, "failed")
        self.assertIn("rootfs", (await self.status(service))[0]["reason"])
        self.assertEqual((await self.get(service, self.full_iso())).status, 503)

    async def test_untouched_is_not_read_again(self) -> None:
        """The second start of a sound file reads little of it, with a sha256 and without."""
        for entry in [{"sha256": _SHA256}, {}]:
            self.setUp()
            self.target.write_bytes(noisy_image())
            await self.arrived(**entry)
            first = await self.start(self.settings(**entry), healthy=True)
            untouched = bytes_read(first)
            await first.stop(SECONDS)
            self.target.touch()
            second = await self.start(self.settings(**entry), healthy=True)
            self.assertGreater(bytes_read(second) - untouched, len(noisy_image()) // 2)
            self.assertEqual(self.origin.asked, [])

    async def test_overwritten_while_it_is_served(self) -> None:
        await self.assert_noticed(lambda path: path.write_bytes(noisy_image()[:-1] + b"x"))

    async def test_truncated_while_it_is_served(self) -> None:
        await self.assert_noticed(lambda path: os.truncate(path, 10_000_000))

    async def test_overwritten_while_workers_serve_it(self) -> None:
        await self.assert_noticed(
            lambda path: path.write_bytes(noisy_image()[:-1] + b"x"), WORKERS="3"
        )

    async def assert_noticed(self, change: Callable[[Path], object], **more: str) -> None:
        """
        By whatever worker it is asked for: the bytes that have passed, under their ETag, or none.
        """
        self.target.write_bytes(noisy_image())
        os.utime(self.target, (1000, 1000))
        service = await self.start(self.settings() | more, healthy=True)
        path = "/boot-artifacts/rootfs?version=1"
        before = await self.get(service, path)
        change(self.target)
        answers = [await self.get(service, path)]
        while 503 in {answer.status for answer in answers[-6:]}:
            answers.append(await self.get(service, path))
        good = [answer for answer in answers if answer.status == 200]
        self.assertEqual({answer.body for answer in good}, {before.body})
        self.assertEqual({answer.header("etag") for answer in good}, {before.header("etag")})
        await service.wait_until_healthy(SECONDS, poll=0.05)
        self.assertEqual(self.target.read_bytes(), noisy_image())


def bytes_read(service: ServiceProcess) -> int:
    """What a process has read until now, from whatever (C{rchar} in proc(5))."""
    lines = Path(f"/proc/{service.pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar:")).split()[1])
