"""The real service with an image on demand, killed under load again and again."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from signal import SIGKILL
from threading import Lock

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from assisted_images.on_demand.block_file import BLOCKS
from assisted_images.on_demand.block_places import BLOCK
from demo.service import ServiceProcess
from tests.field import clients
from tests.field.compared import blocks_here, customised, read_compared
from tests.field.images import LongImage, file_name, noisy_image
from tests.field.on_demand_case import OnDemandCase
from tests.field.service import SECONDS
from tests.httpd.outbound.servers import trial_reactor

_READERS = 6
_MOST_PIECES = 1500
"""As many come, at most, before the service is killed."""

_LONGEST = 12 * BLOCK
_KILLED_AT_START = 0.2
"""The part of the kills that come before any client."""

_START_SECONDS = 0.5
"""About as long an image takes to be ready from when the service listens."""


@dataclass(slots=True)
class Load:
    """
    What clients of one image get until the server has gone, all of it compared.

    @ivar expected: the full ISO.
    @ivar left: pieces until C{over} is called.
    """

    service: ServiceProcess
    path: str
    expected: LongImage
    left: int
    over: Callable[[], None]
    _lock: Lock = field(default_factory=Lock)

    def read(self, chance: random.Random) -> None:
        """
        Read here and there, and on from there, in a thread.

        @raise AssertionError: something is wrong that came, of an answer that was cut, too.
        """
        size = len(self.expected)
        with suppress(OSError), clients.connect(self.service, "http") as connection:
            while True:
                start = chance.randrange(size)
                for _ in range(chance.choice((1, 1, 4))):
                    length = chance.choice((1, 64 * 1024, chance.randrange(1, _LONGEST)))
                    stop = min(start + length, size)
                    if start < stop:
                        part = start, stop
                        read_compared(connection, self.path, self.expected, part, self._count)
                    start = stop

    def _count(self) -> None:
        with self._lock:
            self.left -= 1
            if not self.left:
                self.over()


class Killed(OnDemandCase):
    """
    What is on the disk, and what the origin is asked for, after SIGKILL at moments of chance, whose
    seed is printed.
    """

    timeout = 1800

    async def check_kills(self, kills: int, size: int, **settings: str) -> None:
        """
        Whatever comes is right, whatever counts as here is here, and none of it is asked for again.

        @param size: bytes of the image.
        @param settings: with C{CACHE_BYTES}, blocks that go may be asked for again.
        """
        seed = random.SystemRandom().randrange(2**32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        content = LongImage(noisy_image(), size)
        content.write(self.origin.files / "1.iso")
        expected = await customised(self, content)
        here: list[set[int]] = [set()]
        for run in range(kills):
            service = await self._started(run, settings)
            if chance.random() < _KILLED_AT_START:
                await deferLater(trial_reactor(), chance.uniform(0, _START_SECONDS))
                await self.kill(service)
            else:
                await service.wait_until_healthy(SECONDS, poll=0.05)
                await self._killed_under_load(service, expected, chance)
            here.append(self._here(content))
        service = await self._started(kills, settings)
        await service.wait_until_healthy(SECONDS, poll=0.05)
        self.assertTrue((await self.get(service, self.full_iso())).body == expected[:])
        here.append(self._here(content))
        asked = [set(self._asked(run)) for run in range(kills + 1)]
        print(f"the starts asked for {[len(each) for each in asked]} blocks")
        if "CACHE_BYTES" in settings:
            self.assertLessEqual(self.room(), int(settings["CACHE_BYTES"]) + BLOCK)
        else:
            for run, blocks in enumerate(asked):
                self.assertEqual(blocks & here[run], set(), f"asked for again after kill {run}")
                self.assertLessEqual(here[run], here[run + 1])
            self.assertEqual(here[-1], set(range(-(-size // BLOCK))))

    async def _started(self, run: int, settings: Mapping[str, str]) -> ServiceProcess:
        """The service, which tells the origin which start it is."""
        tag = {"OS_IMAGES_REQUEST_HEADERS": json.dumps({"X-Run": f"{run}"})}
        return await self.start(self.images("1") | tag | dict(settings))

    async def _killed_under_load(
        self, service: ServiceProcess, expected: LongImage, chance: random.Random
    ) -> None:
        pid, pieces = service.pid, chance.randrange(1, _MOST_PIECES)
        load = Load(service, self.full_iso(), expected, pieces, lambda: os.kill(pid, SIGKILL))
        chances = [random.Random(chance.randrange(2**32)) for _ in range(_READERS)]
        await gatherResults([deferToThread(load.read, each) for each in chances])
        await service.wait_for(lambda: service.exit_status is not None, "die", SECONDS)
        self.assertEqual(service.exit_status, -SIGKILL)

    def _here(self, content: LongImage) -> set[int]:
        """The blocks that count as here; each of them has the bytes of the origin."""
        path = self.data / (file_name("1") + BLOCKS)
        if not path.exists():
            return set()
        with path.open("rb") as file:
            here = blocks_here(file, content)
            for block in here:
                file.seek(block * BLOCK)
                expected = content[block * BLOCK : (block + 1) * BLOCK]
                self.assertTrue(file.read(len(expected)) == expected, f"block {block}")
        return here

    def _asked(self, run: int) -> list[int]:
        return [start // BLOCK for start in self.origin.parts("1.iso", f"{run}")]
