"""Going down: SIGTERM while downloads run."""

from __future__ import annotations

import os
import socket
from signal import SIGINT, SIGTERM
from typing import Any

from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import SECONDS
from tests.field.test_integrity import bytes_read

_HUGE = 1 << 40
"""Bytes of a file, nearly all of them a hole, that no test can wait to see hashed."""

_HASHING = 500 << 20
"""Bytes that only a service that hashes has read."""


class GoingDownTestCase(ClientTestCase):
    """A service that is told to end."""

    async def told(self, service: ServiceProcess, signal: int = SIGTERM) -> None:
        """Tell it to end, and wait until it has taken note."""
        os.kill(service.pid, signal)
        await service.wait_for(
            lambda: any("going down" in event["message"] for event in service.events),
            "go down",
            SECONDS,
        )

    async def ended(self, service: ServiceProcess) -> int | None:
        await service.wait_for(lambda: service.exit_status is not None, "end", SECONDS)
        return service.exit_status

    def begun(self, service: ServiceProcess, scheme: str) -> tuple[socket.socket, bytes]:
        """A download of which the head has come; blocking."""
        connection = self.kept(clients.stalled(service, scheme, self.full_iso()))
        return connection, clients.head_of(connection)


class DrainingTests(GoingDownTestCase):
    """With clients of every kind."""

    async def test_downloads_end_whole(self) -> None:
        """
        Not ready any more, no connection more, idle ones closed; running and waiting downloads
        end whole, then the process does, with status 0.
        """
        for signal in (SIGTERM, SIGINT):
            await self.go_down_whole(signal)

    async def go_down_whole(self, signal: int) -> None:
        service = await self.serve_image(DRAIN_SECONDS="60", MAX_CONCURRENT_REQUESTS="2")
        downloads = [await deferToThread(self.begun, service, s) for s in ("http", "https")]
        waiting = self.kept(clients.stalled(service, "http", self.full_iso()))
        await self.until_metric(service, "downloads_waiting", 1)
        idle = [self.kept(clients.client(service, scheme)) for scheme in ("http", "https")]
        for connection in idle:
            connection.sendall(clients.request("/live"))
            await deferToThread(clients.head_of, connection)
        asking = self.kept(clients.client(service, "https"))
        asking.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
        await self.until_metric(service, "connections", 7)
        await self.told(service, signal)
        await self.until(lambda: all(map(clients.is_cut, idle)))
        asking.sendall(b"\r\n")
        head = await deferToThread(clients.head_of, asking)
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        self.assertIn(b"connection: close\r\n", head.lower())
        for port in service.ports.values():
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
        for connection, head in downloads:
            body = await deferToThread(clients.rest_of, connection, head)
            self.assertEqual(len(body), len(noisy_image()))
            self.assertIsNone(service.exit_status)
        head = await deferToThread(clients.head_of, waiting)
        self.assertIn(b"connection: close\r\n", head.lower())
        body = await deferToThread(clients.rest_of, waiting, head)
        self.assertEqual(body[-2048:], noisy_image()[-2048:])
        clients.close([asking, *(connection for connection, _ in downloads)])
        self.assertEqual(await self.ended(service), 0)

    async def test_what_the_kernel_has_is_waited_for(self) -> None:
        """When the last write is over the end of a download is with the kernel, not the client."""
        service = await self.serve_image(DRAIN_SECONDS="60")
        connection = self.kept(clients.client(service, "http", 8 * 1024))
        connection.sendall(clients.request(self.full_iso(), "Range: bytes=0-99999"))
        head = await deferToThread(clients.head_of, connection)
        await service.wait_for(lambda: bool(requests(service)), "send everything", SECONDS)
        await self.told(service)
        # Were the client forgotten, the process would be gone now: nothing else is connected.
        await self.until(lambda: not self.is_listening(service))
        body = await deferToThread(clients.rest_of, connection, head, 0.2, 60_000)
        self.assertIsNone(service.exit_status)
        self.assertEqual(len(body), 100_000)
        self.assertEqual(await self.ended(service), 0)

    async def test_past_the_time(self) -> None:
        """What has not ended by then is cut, and log and exit status say so."""
        service = await self.serve_image(DRAIN_SECONDS="1")
        downloads = [await deferToThread(self.begun, service, s) for s in ("http", "https")]
        await self.told(service)
        self.assertEqual(await self.ended(service), -SIGTERM)
        (event,) = (event for event in service.events if event["level"] == "error")
        self.assertEqual(event["message"], "2 answers have not ended within 1 seconds and are cut")
        for connection, head in downloads:
            with self.assertRaises(OSError):
                await deferToThread(clients.rest_of, connection, head)

    async def test_second_signal(self) -> None:
        """It ends the process at once, whatever the first was."""
        for first, second, status in ((SIGTERM, SIGTERM, -SIGTERM), (SIGTERM, SIGINT, -SIGINT)):
            service = await self.serve_image(DRAIN_SECONDS="600")
            await deferToThread(self.begun, service, "http")
            await self.told(service, first)
            os.kill(service.pid, second)
            self.assertEqual(await self.ended(service), status)

    async def test_nothing_to_wait_for(self) -> None:
        service = await self.serve_image(DRAIN_SECONDS="600")
        os.kill(service.pid, SIGTERM)
        self.assertEqual(await self.ended(service), 0)


class HashingTests(GoingDownTestCase):
    """With an image that is being hashed, which would go on for longer than the test may."""

    def setUp(self) -> None:
        super().setUp()
        os.truncate(self.data / file_name("1"), _HUGE)

    async def start_hashing(self, state: str, **entry: str) -> ServiceProcess:
        image = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody", **entry})
        service = await self.start(image | {"DRAIN_SECONDS": "600"})
        await self.until_states(service, state)
        await self.until(lambda: bytes_read(service) > _HASHING)
        return service

    async def test_before_it_is_served(self) -> None:
        service = await self.start_hashing("checking", sha256=64 * "0")
        os.kill(service.pid, SIGTERM)
        self.assertEqual(await self.ended(service), 0)
        self.assertEqual(self.names(), [file_name("1")])


def requests(service: ServiceProcess) -> list[dict[str, Any]]:
    """The log's lines of requests for images."""
    return [event for event in service.events if event.get("route") == "/byid/:token"]
