"""Downloads that are resumed, and what is kept: SIGKILL, changed origins, two processes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.internet.defer import Deferred

from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.field.images import file_name, noisy_image, os_images
from tests.field.origin import ShortOrigin, WatchedOrigin, by_path
from tests.field.service import SECONDS, FieldTestCase, events_of
from tests.httpd.outbound.servers import Server

_KILLS = 10


class RestartTests(FieldTestCase):
    """One image, and a service that is started again and again."""

    @property
    def target(self) -> Path:
        return self.data / file_name("1")

    def on_disk(self) -> int:
        """Bytes that a killed process has left of a download."""
        part = self.target.with_name(self.target.name + ".part")
        if not part.with_name(part.name + ".json").exists():
            return 0
        return part.stat().st_size if part.exists() else 0

    def assert_arrived(self, content: bytes) -> None:
        self.assertEqual(
            hashlib.sha256(self.target.read_bytes()).hexdigest(),
            hashlib.sha256(content).hexdigest(),
        )
        self.assert_nothing_else(self.target.name)

    async def test_killed_ten_times(self) -> None:
        """
        SIGKILL at ten random moments of a download: no byte that is on disk is asked for again.
        """
        content = noisy_image(48 << 20)
        seed = random.SystemRandom().randrange(2**32)
        print(f"seed {seed}")
        moments = sorted(random.Random(seed).sample(range(len(content)), _KILLS))
        origin = WatchedOrigin(content)
        settings = os_images({"version": "1", "url": self.serve(origin).url})
        expected = [0]
        for moment in moments:
            await self.killed_at(moment, origin, settings)
            if self.target.exists() or self.on_disk() == len(content):
                break
            expected.append(self.on_disk())
        origin.watch = lambda offset: None
        await self.start(settings, healthy=True)
        self.assert_arrived(content)
        print(f"asked for bytes from {origin.asked} on")
        self.assertEqual(origin.asked, expected)
        self.assertGreaterEqual(len(set(expected)), 3)

    async def killed_at(
        self, moment: int, origin: WatchedOrigin, settings: Mapping[str, str]
    ) -> None:
        """Start a service that is killed as soon as the origin has sent C{moment} bytes."""
        starting: list[ServiceProcess] = []
        killed: list[Deferred[None]] = []

        def watch(offset: int) -> None:
            if offset >= moment and starting:
                killed.append(Deferred.fromCoroutine(self.kill(starting.pop())))

        origin.watch = watch
        service = await self.start(settings, starting=starting.append)
        await service.wait_for(lambda: bool(killed), "get on", SECONDS)
        await killed[0]

    async def test_changed_in_between(self) -> None:
        """The origin has another file now, with another ETag: from zero, and nothing is mixed."""
        origin = ShortOrigin(noisy_image(), end=10_000_000, stall=True)
        settings = os_images({"version": "1", "url": self.serve(origin).url})
        service = await self.start(settings)
        await self.until_on_disk(service, 10_000_000)
        await self.kill(service)
        changed = noisy_image(20 << 20)
        origin.content, origin.etag, origin.end = changed, '"two"', None
        await self.start(settings, healthy=True)
        self.assertEqual(origin.asked, [0, 0])
        self.assert_arrived(changed)

    async def until_on_disk(self, service: ServiceProcess, length: int) -> None:
        while (await self.status(service))[0]["bytes"] < length:
            pass

    async def test_second_start(self) -> None:
        """With everything there no origin is asked for anything, disconnected ISOs included."""
        server = self.serve(by_path({"image": Origin(noisy_image())}))
        entry = {"version": "1", "url": f"{server.url}/image"}
        settings = os_images(entry, entry | {"type": "disconnected-iso"})
        service = await self.start(settings, healthy=True)
        await service.stop(SECONDS)
        self.assertEqual(len(server.requests), 2)
        service = await self.start(settings, healthy=True)
        self.assertEqual(len(server.requests), 2)
        disconnected = self.full_iso().replace("full.iso", "disconnected.iso")
        for path in [self.full_iso(), disconnected]:
            self.assertEqual((await self.get(service, path)).status, 200)

    async def test_killed_between_download_and_rename(self) -> None:
        """All bytes are there, and nobody has looked at them yet: no request."""
        origin = ShortOrigin(noisy_image(), end=10_000_000, stall=True)
        settings = os_images({"version": "1", "url": self.serve(origin).url})
        service = await self.start(settings)
        await self.until_on_disk(service, 10_000_000)
        await self.kill(service)
        # As if it had been killed later.
        part = self.target.with_name(self.target.name + ".part")
        part.write_bytes(noisy_image())
        await self.start(settings, healthy=True)
        self.assertEqual(origin.asked, [0])
        self.assert_arrived(noisy_image())


class TwoProcessesTests(FieldTestCase):
    """Two services on one DATA_DIR."""

    async def two(
        self, origin: Origin, first_is_at: Callable[[ServiceProcess], bool]
    ) -> tuple[Server, dict[str, str], ServiceProcess, ServiceProcess]:
        server = self.serve(origin)
        settings = os_images({"version": "1", "url": server.url})
        first = await self.start(settings)
        while not first_is_at(first):
            await self.status(first)
        return server, settings, first, await self.start(settings)

    def assert_whole(self) -> None:
        name = file_name("1")
        self.assertEqual((self.data / name).read_bytes(), noisy_image())
        self.assert_nothing_else(name)

    async def test_one_downloads(self) -> None:
        """The other waits for it, says so, and then uses what it brought."""
        origin = ShortOrigin(noisy_image(), end=9_000_000, stall=True)
        part = self.data / (file_name("1") + ".part")
        server, _, first, second = await self.two(
            origin, lambda first: part.exists() and part.stat().st_size == 9_000_000
        )
        await self.until_states(second, "failed")
        self.assertEqual(events_of(second, "1")[-1]["reason"], "another process is downloading it")
        origin.end = None
        for connection in server.connections:
            connection.transport.loseConnection()  # type: ignore[union-attr]
        for service in (first, second):
            await service.wait_until_healthy(SECONDS, poll=0.05)
        self.assertEqual(origin.asked, [0, 9_000_000])
        self.assert_whole()

    async def test_one_dies(self) -> None:
        """The other goes on where it was."""
        origin = ShortOrigin(noisy_image(), end=9_000_000, stall=True)
        part = self.data / (file_name("1") + ".part")
        _, settings, first, second = await self.two(
            origin, lambda first: part.exists() and part.stat().st_size == 9_000_000
        )
        await self.until_states(second, "failed")
        origin.end = None
        await self.kill(first)
        await second.wait_until_healthy(SECONDS, poll=0.05)
        await self.start(settings, healthy=True)
        self.assertEqual(origin.asked, [0, 9_000_000])
        self.assert_whole()

    async def test_started_at_once(self) -> None:
        """Whoever is first, every byte is asked for once, and both serve."""
        origin = WatchedOrigin(noisy_image())
        _, _, first, second = await self.two(origin, lambda first: True)
        for service in (first, second):
            await service.wait_until_healthy(SECONDS, poll=0.05)
            got = await self.get(service, self.full_iso(), {"Range": "bytes=0-9"})
            self.assertEqual(got.status, 206)
        self.assertEqual(origin.asked, [0])
        self.assert_whole()
