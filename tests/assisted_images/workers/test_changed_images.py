"""Images whose files somebody changes while several workers serve them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from signal import SIGKILL

from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.assisted_images.workers.service import (
    WORKERS,
    WorkersTestCase,
    ask,
    secondaries,
    who_answered,
)
from tests.field import clients
from tests.field.images import file_name, noisy_image

_FIRST = "Range: bytes=0-9"


class ChangedImagesTests(WorkersTestCase):
    """One image, three workers."""

    async def answers(self, service: ServiceProcess, known: Counter[int]) -> set[bytes]:
        """Ask until each worker has answered since C{known} was counted: the status lines."""
        lines = set()
        while len(who_answered(service) - known) < WORKERS:
            connection = self.kept(clients.client(service, "http"))
            head, _ = await deferToThread(ask, connection, self.full_iso(), _FIRST)
            lines.add(head.partition(b"\r\n")[0])
            clients.close([self.connections.pop()])
        return lines

    async def test_worker_replaced_after_a_touch(self) -> None:
        """Who takes the place of another serves what is there, whenever the file was touched."""
        service = await self.workers()
        image = Path(self.data / file_name("1"))
        image.touch()
        os.kill(secondaries(service)[0], SIGKILL)
        await self.answers(service, who_answered(service))
        await service.wait_until_healthy(60, poll=0.05)
        await self.until(lambda: len(secondaries(service)) == WORKERS - 1)

        async def all_serve() -> bool:
            lines = await self.answers(service, who_answered(service))
            return lines == {b"HTTP/1.1 206 Partial Content"}

        while not await all_serve():
            pass
        self.assertEqual(image.read_bytes(), noisy_image())
        self.assertFalse(image.with_name(image.name + ".refused").exists())

    async def test_worker_replaced_after_a_removal(self) -> None:
        """One that cannot open the file listens nevertheless: it may have others to serve."""
        service = await self.workers()
        (self.data / file_name("1")).unlink()
        os.kill(secondaries(service)[0], SIGKILL)
        lines = await self.answers(service, who_answered(service))
        self.assertEqual(
            lines, {b"HTTP/1.1 206 Partial Content", b"HTTP/1.1 503 Service Unavailable"}
        )
