"""Images that stay at their origin, served by several workers."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import sha256
from signal import SIGKILL

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from assisted_images.on_demand.block_file import BLOCKS
from assisted_images.on_demand.block_places import BLOCK
from demo.service import ServiceProcess
from tests.assisted_images.on_demand.origin import PartsOrigin
from tests.assisted_images.workers.service import secondaries
from tests.field import clients
from tests.field.images import file_name, noisy_image, os_images
from tests.field.on_demand_case import OnDemandCase, is_ready
from tests.field.service import SECONDS, events_of

_WORKERS = 3
_MANY = range(4 * _WORKERS)
"""Connections; while all are open each worker has some."""

_PARTS = ["bytes=0-9" for _ in _MANY]

_BY_WORKERS = {"WORKERS": str(_WORKERS), "ORIGIN_CONNECTIONS": "6"}


class WorkersTests(OnDemandCase):
    async def etag(self, service: ServiceProcess, other_than: bytes = b"") -> bytes:
        """The ETag of the full ISO, once all workers serve it under one."""
        while True:
            answers = await deferToThread(
                _answers, service, self.full_iso(), ["bytes=0-9"] * len(_MANY)
            )
            [(status, etag), *others] = {*answers}
            if status == b"206" and not others and etag != other_than:
                return etag

    async def check(self, service: ServiceProcess, start: int, whole: bytes) -> None:
        """Two blocks' worth of bytes, by a connection of their own."""
        length = 2 * BLOCK
        wanted = f"Range: bytes={start}-{start + length - 1}"
        found = await deferToThread(_body, service, self.full_iso(), wanted)
        self.assertTrue(found == whole[start : start + length], f"bytes from {start} on")

    async def test_each_block_is_asked_for_once(self) -> None:
        content, chance = noisy_image(48 << 20), random.Random(6)
        self.put("1.iso", content)
        service = await self.start_with("1", **_BY_WORKERS)
        places = [chance.randrange(2 * BLOCK, len(content) - 2 * BLOCK) for _ in range(30)]
        await gatherResults(
            [
                Deferred.fromCoroutine(self.check(service, place, content))
                for place in [*places, *[7 * BLOCK - 5] * 30]
            ]
        )
        self.assert_asked_once("1.iso")
        metrics = await self.metrics(service)
        [fetched] = [metrics[key] for key in metrics if key.startswith("on_demand_fetched_bytes")]
        self.assertEqual(-(-int(fetched) // BLOCK), len(self.origin.parts("1.iso")))

    async def test_one_that_died_is_replaced(self) -> None:
        content = noisy_image()
        self.put("1.iso", content)
        service = await self.start_with("1", **_BY_WORKERS)
        before = await self.etag(service)
        [dying, *others] = secondaries(service)
        os.kill(dying, SIGKILL)
        await service.wait_for(
            lambda: len({*secondaries(service)} - {dying, *others}) == 1, "replace it", SECONDS
        )
        self.assertEqual(await self.etag(service), before)
        for _ in _MANY:
            await self.check(service, 20 * BLOCK, content)
        self.assert_asked_once("1.iso")

    async def test_it_becomes_an_ordinary_image(self) -> None:
        """Once all is there, and all workers leave its blocks to the one who makes it of them."""
        content = noisy_image()
        origin = PartsOrigin(content, held=[], holds=20)
        url, digest = f"{self.serve(origin).url}/1.iso", sha256(content).hexdigest()
        image = {"version": "1", "url": url, "fetch": "background", "sha256": digest}
        service = await self.start(os_images(image) | _BY_WORKERS, healthy=True)
        before = await self.etag(service)
        origin.let_go()
        origin.held = None
        await service.wait_for(
            lambda: len([event for event in events_of(service, "1") if is_ready(event)]) == 2,
            "have it as a whole",
            SECONDS,
        )
        self.assertEqual(self.names(), [file_name("1"), file_name("1") + ".checked.json"])
        self.assertTrue((self.data / file_name("1")).read_bytes() == content)
        await self.etag(service, other_than=before)
        for _ in _MANY:
            await self.check(service, 20 * BLOCK, content)
        self.assertEqual({*origin.counts.values()}, {1})
        self.assertEqual((self.data / file_name("1")).stat().st_size, len(content))

    async def test_another_file_at_the_origin(self) -> None:
        """Whoever finds it, none serves the old one any more."""
        old, new = noisy_image(), noisy_image(25 << 20)
        path = self.put("1.iso", old)
        service = await self.start_with("1", **_BY_WORKERS)
        before = await self.etag(service)
        path.unlink()
        self.put("1.iso", new)
        wanted = [
            f"bytes={block * BLOCK}-{block * BLOCK + 999}" for block, _ in enumerate(_MANY, 8)
        ]
        await deferToThread(_answers, service, self.full_iso(), wanted)
        await self.etag(service, other_than=before)
        for _ in _MANY:
            await self.check(service, 20 * BLOCK, new)
        self.assertEqual(len([*self.data.glob(f"*{BLOCKS}")]), 1)


def _answers(
    service: ServiceProcess, path: str, wanted: Sequence[str]
) -> list[tuple[bytes, bytes]]:
    """The status and ETag of the answer to each range, by connections that are open together."""
    with ExitStack() as stack:
        connections = [stack.enter_context(clients.client(service, "http")) for _ in wanted]
        for connection, part in zip(connections, wanted, strict=True):
            connection.sendall(clients.request(path, f"Range: {part}"))
        return [_told(clients.head_of(connection)) for connection in connections]


def _told(answer: bytes) -> tuple[bytes, bytes]:
    head, _, _ = answer.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    etags = [field for field in fields if field.lower().startswith(b"etag:")]
    return first.split()[1], b"".join(etags)


def _body(service: ServiceProcess, path: str, wanted: str) -> bytes:
    with clients.client(service, "http") as connection:
        connection.sendall(clients.request(path, wanted))
        return clients.rest_of(connection, clients.head_of(connection))
