"""An image at an origin of the test's, opened on a clock of the test's."""

from __future__ import annotations

import random
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.cache import BlockCache
from assisted_images.on_demand.fetching import Means
from assisted_images.on_demand.held_blocks import OwnThread
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.on_demand.origin import HttpOrigin
from httpd.concurrency.threads import run_at_once
from tests.assisted_images.on_demand.origin import PartsOrigin
from tests.httpd.outbound.servers import Server, ServerTestCase, trial_reactor

BLOCKS = 12
CONTENT = random.Random(16).randbytes((BLOCKS - 1) * BLOCK + 12345)


class OnDemandTestCase(ServerTestCase):
    """What is read is compared with L{CONTENT}."""

    most_bytes: int | None = None
    connections = 3

    def setUp(self) -> None:
        self.clock = Clock()
        self.target = Path(self.mktemp())
        self.origin = PartsOrigin(CONTENT)
        self.server: Server = self.serve(self.origin)
        self.agent_ = self.agent()
        self.changes: list[None] = []
        self.images = self.make_images()

    def make_images(self) -> OnDemandImages:
        means = Means(
            cache=BlockCache(self.most_bytes, self.clock, run_at_once),
            clock=self.clock,
            run_in_thread=run_at_once,
        )
        thread = OwnThread(trial_reactor().callFromThread)
        images = OnDemandImages(means, self.connections, thread, run_at_once)
        self.addCleanup(images.stopService)
        return images

    def http_origin(self) -> HttpOrigin:
        return HttpOrigin(f"{self.server.url}/image.iso", self.agent_, self.clock)

    async def open(self, images: OnDemandImages | None = None) -> OnDemandFile:
        origin = self.http_origin()
        return await (images or self.images).open(
            self.target, origin, await origin.facts(), lambda: self.changes.append(None)
        )

    async def read(self, file: OnDemandFile, offset: int, length: int) -> bytes:
        """All of it, as who takes bytes reads it."""
        parts: list[bytes] = []
        while length:
            answer = file.read(offset, length)
            part = answer if isinstance(answer, bytes) else await answer
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    async def check(self, file: OnDemandFile, offset: int, length: int) -> None:
        found = await self.read(file, offset, length)
        self.assertTrue(found == CONTENT[offset : offset + length], f"bytes at {offset}")

    def reading(self, file: OnDemandFile, offset: int, length: int) -> Deferred[None]:
        return Deferred.fromCoroutine(self.check(file, offset, length))

    async def arrivals(self, count: int) -> None:
        """Wait until so many more requests have come."""
        for _ in range(count):
            await self.server.arrivals.get()
