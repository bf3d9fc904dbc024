"""Several workers come to an end, together or one alone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue

from demo.service import ROOT, ServiceProcess
from tests.assisted_images.workers.service import (
    WORKERS,
    WorkersTestCase,
    ask,
    busiest,
    children,
    environment_of,
    is_alive,
    is_idle,
    secondaries,
    who_answered,
)
from tests.field import clients
from tests.field.images import noisy_image
from tests.field.service import SECONDS
from tests.httpd.outbound.servers import trial_reactor


class LossTests(WorkersTestCase):
    """A worker that is killed."""

    async def test_only_its_own_downloads_are_lost(self) -> None:
        """
        The others' end whole; it is replaced, its slots come back, and counters do not go back.
        """
        service = await self.workers(MAX_CONCURRENT_REQUESTS=str(2 * WORKERS))
        downloads = []
        for _ in range(2 * WORKERS):
            connection = self.kept(clients.stalled(service, "http", self.full_iso()))
            downloads.append((connection, await deferToThread(clients.head_of, connection)))
        await self.until_metric(service, "downloads_in_flight", len(downloads))
        before = await self.metrics(service)
        first = busiest(service)
        others = [pid for pid in secondaries(service) if pid != first]
        await self.until(lambda: is_idle(first))  # its last answer was for /metrics, perhaps
        os.kill(first, SIGKILL)
        await self.until(lambda: len(secondaries(service)) == WORKERS - 1 and not is_alive(first))
        self.assertTrue(all(pid in secondaries(service) for pid in others))
        lost = []
        for connection, head in downloads:
            try:
                body = await deferToThread(clients.rest_of, connection, head)
            except OSError:
                lost.append(connection)
            else:
                self.assertEqual(len(body), len(noisy_image()))
        self.assertLess(0, len(lost))
        self.assertLess(len(lost), len(downloads))
        await self.until_metric(service, "downloads_in_flight", 0)
        [event] = [event for event in service.events if "has ended" in event["message"]]
        self.assertEqual(
            (event["level"], event["answers"], event["worker"]), ("error", len(lost), 0)
        )
        await self.until(lambda: self.listening(service) == WORKERS + 1)
        after = await self.metrics(service)
        for name, value in before.items():
            if name.endswith("_total") or "_count" in name or "_bucket" in name:
                self.assertGreaterEqual(after[name], value, name)
        # As many slots as before: all of them can be held at once.
        for _ in range(2 * WORKERS + 1):
            self.kept(clients.stalled(service, "http", self.full_iso()))
        await self.until_metric(service, "downloads_in_flight", 2 * WORKERS)
        await self.until_metric(service, "downloads_waiting", 1)

    def listening(self, service: ServiceProcess) -> int:
        """How many workers have begun to listen on the plain port so far."""
        return sum(event.get("scheme") == "http" for event in service.events)

    async def test_replaced_again_and_again(self) -> None:
        """Each time it takes longer, so that what cannot live does no harm."""
        service = await self.workers(WORKERS="2")
        delays = []
        for number in range(1, 4):
            os.kill(secondaries(service)[0], SIGKILL)
            await self.until(lambda n=number: self.listening(service) == 2 + n)  # type: ignore[misc]
            [*_, event] = [event for event in service.events if "has ended" in event["message"]]
            delays.append(event["seconds"])
        self.assertEqual(delays, [0.1, 0.2, 0.4])
        self.assertEqual((await self.get(service, "/health")).status, 200)

    async def test_one_that_is_told_to_end(self) -> None:
        """Its downloads end whole, it does, and is replaced."""
        service = await self.workers()
        downloads = []
        for _ in range(WORKERS):
            connection = self.kept(clients.stalled(service, "http", self.full_iso()))
            downloads.append((connection, await deferToThread(clients.head_of, connection)))
        first = busiest(service)
        os.kill(first, SIGTERM)
        for connection, head in downloads:
            body = await deferToThread(clients.rest_of, connection, head)
            self.assertEqual(len(body), len(noisy_image()))
            connection.close()
        await self.until(lambda: first not in secondaries(service))
        await self.until(lambda: self.listening(service) == WORKERS + 1)
        self.assertEqual((await self.get(service, "/health")).status, 200)

    async def test_primary_killed(self) -> None:
        """No other outlives it."""
        service = await self.workers()
        others = secondaries(service)
        self.assertEqual(len(others), WORKERS - 1)
        self.kept(clients.stalled(service, "http", self.full_iso()))
        await self.kill(service)
        await self.until(lambda: not any(map(is_alive, others)))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", service.ports["http"]))


class DrainingTests(WorkersTestCase):
    """Signals."""

    async def begun(self, service: ServiceProcess) -> list[tuple[Any, bytes]]:
        """A download in each worker, by both schemes."""
        downloads = []
        for scheme in ("http", "https"):
            for _ in range(WORKERS):
                connection = self.kept(clients.stalled(service, scheme, self.full_iso()))
                downloads.append((connection, await deferToThread(clients.head_of, connection)))
        return downloads

    async def told(self, service: ServiceProcess) -> None:
        def all_know() -> bool:
            going = [e["worker"] for e in service.events if "going down" in e["message"]]
            return set(going) == set(range(WORKERS))

        await service.wait_for(all_know, "go down", SECONDS)

    async def ended(self, service: ServiceProcess) -> int | None:
        await service.wait_for(lambda: service.exit_status is not None, "end", SECONDS)
        return service.exit_status

    async def test_downloads_end_whole(self) -> None:
        """By a signal to the first process, or to all of them."""
        for to_all in (False, True):
            service = await self.workers(DRAIN_SECONDS="60")
            downloads = await self.begun(service)
            others = secondaries(service)
            for pid in (*(others if to_all else ()), service.pid):
                os.kill(pid, SIGINT if to_all else SIGTERM)
            await self.told(service)
            await self.until(lambda s=service: not self.is_listening(s))  # type: ignore[misc]
            for connection, head in downloads:
                body = await deferToThread(clients.rest_of, connection, head)
                self.assertEqual(len(body), len(noisy_image()))
                self.assertIsNone(service.exit_status)
                connection.close()
            self.assertEqual(await self.ended(service), 0)
            self.assertFalse(any(map(is_alive, others)))
            self.assertEqual(set(who_answered(service)), set(range(WORKERS)))
            self.assertEqual([e for e in service.events if e["level"] == "error"], [])

    async def test_past_the_time(self) -> None:
        """What has not ended by then is cut, in all workers; log and exit status say so."""
        service = await self.workers(DRAIN_SECONDS="1")
        downloads = await self.begun(service)
        others = secondaries(service)
        os.kill(service.pid, SIGTERM)
        self.assertEqual(await self.ended(service), -SIGTERM)
        [event] = [event for event in service.events if event["level"] == "error"]
        self.assertEqual(
            event["message"],
            f"{len(downloads)} answers have not ended within 1 seconds and are cut",
        )
        self.assertFalse(any(map(is_alive, others)))

    async def test_second_signal(self) -> None:
        """It ends all at once."""
        service = await self.workers(DRAIN_SECONDS="600")
        await self.begun(service)
        others = secondaries(service)
        os.kill(service.pid, SIGTERM)
        await self.told(service)
        os.kill(service.pid, SIGTERM)
        self.assertEqual(await self.ended(service), -SIGTERM)
        self.assertFalse(any(map(is_alive, others)))

    async def test_nothing_to_wait_for(self) -> None:
        service = await self.workers(DRAIN_SECONDS="600")
        self.assertEqual(await service.stop(SECONDS), 0)


class DaemonTests(WorkersTestCase):
    """twistd in the background."""

    async def test_in_the_background(self) -> None:
        """Workers, log file and end as in the foreground."""
        directory = self.directory()
        model = await self.workers()  # for settings that work
        environment = environment_of(model.pid)
        self.assertEqual(await model.stop(SECONDS), 0)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment["HTTP_LISTEN_PORT"] = str(port)
        pid_file, log = directory / "pid", directory / "log"
        twistd = Path(sys.executable).with_name("twistd")
        output, errors, status = await getProcessOutputAndValue(
            str(twistd),
            [f"--pidfile={pid_file}", f"--logfile={log}", "assisted-images"],
            environment,
            str(ROOT),
            trial_reactor(),
        )
        self.assertEqual((output, errors, status), (b"", b"", 0))
        pid = int(pid_file.read_text())
        self.addCleanup(lambda: os.kill(pid, SIGKILL) if is_alive(pid) else None)
        await self.until(lambda: log.read_text().count('"scheme":"http"') == WORKERS)
        others = children(pid)
        self.assertEqual(len(others), WORKERS - 1)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(SECONDS)
            head, _ = await deferToThread(ask, connection, "/live")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        os.kill(pid, SIGTERM)
        await self.until(lambda: not any(map(is_alive, (pid, *others))))
        self.assertFalse(pid_file.exists())
