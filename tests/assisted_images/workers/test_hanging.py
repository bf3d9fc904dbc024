"""A worker that hangs: stopped, so that it is there and does nothing."""

from __future__ import annotations

import os
from signal import SIGCONT, SIGSTOP, SIGTERM

from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.assisted_images.workers.service import (
    WORKERS,
    WorkersTestCase,
    ask,
    is_alive,
    secondaries,
)
from tests.field import clients
from tests.field.images import noisy_image
from tests.field.service import SECONDS


class HangingTests(WorkersTestCase):
    """One of three."""

    def hang(self, service: ServiceProcess) -> int:
        pid = secondaries(service)[0]
        os.kill(pid, SIGSTOP)
        self.addCleanup(lambda: os.kill(pid, SIGCONT) if is_alive(pid) else None)
        return pid

    async def test_the_others_serve(self) -> None:
        """New connections, metrics, status and downloads are for those that do not hang."""
        service = await self.workers()
        self.hang(service)
        for _ in range(5 * WORKERS):
            connection = self.kept(clients.client(service, "http"))
            for path in ("/live", "/health", "/status"):
                head, _ = await deferToThread(ask, connection, path)
                self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
            head, body = await deferToThread(ask, connection, self.full_iso())
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
            self.assertEqual(len(body), len(noisy_image()))
        self.assertEqual((await self.metrics(service))["connections"], 5 * WORKERS + 1)

    async def test_first_killed(self) -> None:
        """The one that hangs does not keep the port from who comes next."""
        service = await self.workers()
        hanging = self.hang(service)
        await self.kill(service)
        await self.until(lambda: not is_alive(hanging))
        self.assertFalse(self.is_listening(service))

    async def test_going_down(self) -> None:
        """Nobody waits for one that has no answers under way."""
        service = await self.workers(DRAIN_SECONDS="600")
        self.hang(service)
        others = secondaries(service)
        os.kill(service.pid, SIGTERM)
        await service.wait_for(lambda: service.exit_status is not None, "end", SECONDS)
        self.assertEqual(service.exit_status, 0)
        self.assertFalse(any(map(is_alive, others)))

    async def test_going_down_with_answers(self) -> None:
        """They have their time, and it may go on; the others end when they have ended theirs."""
        service = await self.workers(DRAIN_SECONDS="600")
        downloads = []
        for _ in range(WORKERS):
            connection = self.kept(clients.stalled(service, "http", self.full_iso()))
            downloads.append((connection, await deferToThread(clients.head_of, connection)))
        hanging = self.hang(service)
        os.kill(service.pid, SIGTERM)
        bodies = [deferToThread(clients.rest_of, *download) for download in downloads]
        await self.until(lambda: sum(body.called for body in bodies) == WORKERS - 1)
        await self.until(lambda: secondaries(service) == [hanging])
        os.kill(hanging, SIGCONT)
        for body in bodies:
            self.assertEqual(len(await body), len(noisy_image()))
        clients.close(self.connections)
        await service.wait_for(lambda: service.exit_status is not None, "end", SECONDS)
        self.assertEqual(service.exit_status, 0)
