"""Three images on demand that have less room than one of them would take."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from threading import Event

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.threads import deferToThread

from assisted_images.on_demand.block_file import BLOCKS
from assisted_images.on_demand.block_places import BLOCK
from demo.service import ServiceProcess
from tests.assisted_images.on_demand.origin import PartsOrigin
from tests.field import clients
from tests.field.compared import blocks_here, customised, read_compared
from tests.field.images import LongImage, file_name, noisy_image, os_images
from tests.field.on_demand_case import ON_DEMAND
from tests.field.service import FieldTestCase
from tests.httpd.outbound.servers import Received

_CONNECTIONS = 8
_RANDOM_READERS = 2
"""Of each image."""

_BEHIND = 64 * 1024
"""Bytes behind an image, and what a file system takes to know where a sparse file's are; more."""

_SAMPLE_SECONDS = 0.001
_LONGEST = 5 * BLOCK


class LittleRoom(FieldTestCase):
    """What the blocks take on the disk is looked at all the while that clients read them."""

    timeout = 1200

    async def check_room(self, limit: int, size: int, parts: int, **settings: str) -> None:
        """
        Read all of each image in sequence, and parts of it at random places.

        @param limit: bytes, C{CACHE_BYTES}.
        @param size: bytes of each image.
        @param parts: how many at random places, of each image.
        """
        images = {f"{n}": LongImage(noisy_image((8 << 20) + n), size) for n in (1, 2, 3)}
        expected = {version: await customised(self, image) for version, image in images.items()}
        service = await self.start_images(images, {"CACHE_BYTES": f"{limit}"} | settings)
        over, most = Event(), [0, 0]
        sampling = deferToThread(self.sample, images, over, most)
        chance = random.Random(size)
        readers = [
            deferToThread(_read, service, self.full_iso(version), image, places)
            for version, image in expected.items()
            for places in (_sequence(size), *_random(size, parts, chance))
        ]
        try:
            await gatherResults(readers)
        finally:
            over.set()
            await sampling
        print(f"at most {most[0] / BLOCK:.2f} MiB on the disk, {most[1]} blocks counted")
        self.assertLessEqual(most[0], limit + _CONNECTIONS * BLOCK + len(images) * _BEHIND)
        self.assertLessEqual(most[1], limit // BLOCK + _CONNECTIONS)
        self.assertGreater(most[1], 0.8 * limit // BLOCK)
        for origin in self.origins.values():
            self.assertGreater(len(origin.asked), size // BLOCK)

    async def start_images(
        self, images: Mapping[str, LongImage], settings: Mapping[str, str]
    ) -> ServiceProcess:
        """A service that has them, from one origin, which computes them."""
        self.origins = {f"/{version}": PartsOrigin(image) for version, image in images.items()}

        def answer(received: Received, transport: ITCPTransport) -> None:
            self.origins[received.path](received, transport)

        url = self.serve(answer).url
        entries = ({"version": version, "url": f"{url}/{version}"} for version in images)
        own = os_images(*entries) | ON_DEMAND | {"ORIGIN_CONNECTIONS": f"{_CONNECTIONS}"}
        return await self.start(own | dict(settings), healthy=True)

    def sample(self, images: Mapping[str, LongImage], over: Event, most: list[int]) -> None:
        """
        Look until it is C{over}, in a thread.

        @param most: becomes the most bytes on the disk, and the most blocks that count as here.
        """
        with ExitStack() as stack:
            files = [
                (
                    stack.enter_context((self.data / f"{file_name(version)}{BLOCKS}").open("rb")),
                    image,
                )
                for version, image in images.items()
            ]
            while not over.wait(_SAMPLE_SECONDS):
                here = sum(map(len, (blocks_here(file, image) for file, image in files)))
                room = sum(os.fstat(file.fileno()).st_blocks * 512 for file, _ in files)
                most[:] = max(most[0], room), max(most[1], here)


def _sequence(size: int) -> Iterator[tuple[int, int]]:
    yield 0, size


def _random(size: int, parts: int, chance: random.Random) -> Iterator[Iterable[tuple[int, int]]]:
    for _ in range(_RANDOM_READERS):
        starts = [chance.randrange(size) for _ in range(parts // _RANDOM_READERS)]
        yield [(start, min(start + chance.randrange(1, _LONGEST), size)) for start in starts]


def _read(
    service: ServiceProcess, path: str, expected: LongImage, parts: Iterable[tuple[int, int]]
) -> None:
    with clients.connect(service, "http") as connection:
        for part in parts:
            if not read_compared(connection, path, expected, part):
                raise AssertionError(f"{path} was cut between {part[0]} and {part[1]}")
