"""ISOs out of payloads, and a disk without room for them."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from assisted_images.catalog.catalog import Catalog
from assisted_images.catalog.release_images import parse_release_images
from assisted_images.downloads.downloader import Downloader
from assisted_images.downloads.parts import NoSpace, Part
from assisted_images.downloads.room import Room
from assisted_images.registries.releases import ReleaseDownloader
from assisted_images.store.images import ImageState, ImageStore
from assisted_images.store.population import Population
from assisted_images.store.workshop import Workshop
from httpd.concurrency.threads import threads_of
from tests.assisted_images.store.images import LIMITS
from tests.httpd.outbound.servers import trial_reactor
from tests.registries.case import X86_64, ClientTestCase, registries_conf, release_images
from tests.registries.registry import Registry
from tests.registries.service import file_name


class NarrowRoom(Room):
    """Room for one ISO: none is left while a file is there."""

    def __init__(self, other: Path) -> None:
        super().__init__()
        self._other = other

    def promise(self, part: Part, total: int) -> None:
        if self._other.exists():
            raise NoSpace("there is another file")
        super().promise(part, total)


class FullDisk(Room):
    """A disk that turns out to be full once C{most} bytes of a part are there."""

    most: int | None = 4096

    def promise(self, part: Part, total: int) -> None:
        super().promise(part, total)
        append = part.append

        def limited(pieces: Iterable[bytes]) -> None:
            if self.most is not None and part.size >= self.most:
                raise OSError(errno.ENOSPC, "No space left on device")
            append(pieces)

        part.append = limited  # type: ignore[method-assign]


class NoRoomTests(ClientTestCase):
    async def prepared(self) -> Registry:
        self.data = self.directory()
        self.target = self.data / file_name(X86_64)
        self.clock = Clock()
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        return registry

    def population(self, registry: Registry, room: Room) -> Population:
        run_in_thread: Any = threads_of(trial_reactor())
        registries = self.registries(conf=registries_conf(registry.host))
        setting = release_images(registry.host, X86_64)["RELEASE_IMAGES"]
        self.store = ImageStore(Catalog(parse_release_images(setting).value))
        return Population(
            self.store,
            Workshop(
                data_dir=self.data,
                downloader=Downloader(self.agent(), self.clock, run_in_thread),
                releases=ReleaseDownloader(registries, room),
                clock=self.clock,
                run_in_thread=run_in_thread,
                read_in_thread=run_in_thread,
                limits=LIMITS,
                base_url="http://images.example",
            ),
        )

    async def test_what_was_set_aside_gives_way(self) -> None:
        """The ISO of another release is removed before the new one is given up; then that comes."""
        registry = await self.prepared()
        refused = self.target.with_name(self.target.name + ".refused")
        refused.write_bytes(b"another release's")
        await self.population(registry, NarrowRoom(refused)).bring()
        self.assertTrue(self.store.ready)
        self.assertEqual(self.target.read_bytes(), self.iso())
        self.assertFalse(refused.exists())

    async def test_nothing_useless_stays(self) -> None:
        """Of an extraction that cannot go on nothing is kept: others may need the room."""
        registry = await self.prepared()
        room = FullDisk()
        running = Deferred.fromCoroutine(self.population(registry, room).bring())
        [image] = self.store.images
        while image.state is not ImageState.FAILED:
            await self.turn()
        self.assertEqual(image.reason, "No space left on device")
        self.assertEqual(sum(file.stat().st_size for file in self.data.glob("*.part")), 0)
        self.assertEqual(image.bytes, 0)
        room.most = None
        self.clock.advance(5)
        await running
        self.assertEqual(self.target.read_bytes(), self.iso())

    async def turn(self) -> None:
        await deferLater(trial_reactor(), 0)
