"""Signals that are not to end a worker."""

from __future__ import annotations

import os
from signal import SIGHUP, SIGUSR1, SIGUSR2

from tests.assisted_images.workers.service import WORKERS, WorkersTestCase, secondaries


class SignalTests(WorkersTestCase):
    async def test_all_go_on(self) -> None:
        service = await self.workers()
        everybody = [service.pid, *secondaries(service)]
        numbers = SIGHUP, SIGUSR1, SIGUSR2
        for pid in everybody:
            for number in numbers:
                os.kill(pid, number)
        await self.until(
            lambda: (
                len([event for event in service.events if "signal" in event])
                == WORKERS * len(numbers)
            )
        )
        self.assertEqual([service.pid, *secondaries(service)], everybody)
        self.assertEqual(await service.status_of("/health"), 200)
