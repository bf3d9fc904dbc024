"""The page of a running service: with workers, with downloads under way, and when it goes down."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field import clients
from tests.field.images import noisy_image
from tests.field.service import INFRA_ENV_ID
from tests.field.test_draining import GoingDownTestCase


class OpenPage:
    """A page that is open: the events that come, on a connection of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.parts: dict[str, str] = {}
        connection.sendall(clients.request("/page/events"))
        _, _, self._received = clients.head_of(connection).partition(b"\r\n\r\n")

    def wait_for(self, part: str, text: str) -> None:
        """Read until a part says something; blocking."""
        while text not in self.parts.get(part, ""):
            self._received += clients.some(self.connection)
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                if line.startswith(b"data: "):
                    self.parts |= json.loads(line.removeprefix(b"data: "))["parts"]

    def rest(self) -> None:
        """Read until the service closes."""
        while self.connection.recv(65536):
            pass


class PageTests(GoingDownTestCase):
    def open_page(self, service: ServiceProcess, scheme: str = "http") -> OpenPage:
        return OpenPage(self.kept(clients.client(service, scheme)))

    async def page(self, service: ServiceProcess) -> str:
        got = await self.get(service, "/")
        self.assertEqual(got.status, 200)
        return got.body.decode()

    async def check_downloads(self, **settings: str) -> ServiceProcess:
        """What has been sent of a download that is under way shows on every page."""
        service = await self.serve_image(DRAIN_SECONDS="60", **settings)
        pages = [await deferToThread(self.open_page, service, s) for s in ("http", "https") * 2]
        for page in pages:
            await deferToThread(page.wait_for, "summary", "The image is ready.")
        connection, head = await deferToThread(self.begun, service, "http")
        for page in pages:
            await deferToThread(page.wait_for, "activity", "/byid/:token")
            await deferToThread(page.wait_for, "activity", "iB/s")
        body = await deferToThread(clients.rest_of, connection, head)
        self.assertEqual(len(body), len(noisy_image()))
        text = await self.page(service)
        self.assertIn(INFRA_ENV_ID, text)
        self.assertIn("The image is ready.", text)
        return service

    async def test_alone(self) -> None:
        await self.check_downloads()

    async def test_workers(self) -> None:
        """Each says the same, whoever has the download."""
        service = await self.check_downloads(WORKERS="3")
        for _ in range(6):
            self.assertIn('3</div><div class="quiet">serving', await self.page(service))

    async def check_going_down(self, **settings: str) -> None:
        service = await self.serve_image(DRAIN_SECONDS="60", **settings)
        pages = [await deferToThread(self.open_page, service, s) for s in ("http", "https") * 2]
        await self.until_metric(service, "downloads_in_flight", 0)
        os.kill(service.pid, 15)
        for page in pages:
            await deferToThread(page.rest)
        self.assertEqual(await self.ended(service), 0)
        self.assertIn("0 answers under way", self.said(service, "going down"))

    def said(self, service: ServiceProcess, words: str) -> str:
        [text, *_] = [one["message"] for one in service.events if words in one["message"]]
        return str(text)

    async def test_going_down(self) -> None:
        """Nobody waits for an open page."""
        await self.check_going_down()

    async def test_going_down_with_workers(self) -> None:
        await self.check_going_down(WORKERS="2")

    async def test_no_slot(self) -> None:
        """Open pages leave all slots to downloads, and no line in the log."""
        service = await self.serve_image(MAX_CONCURRENT_REQUESTS="1")
        pages = [await deferToThread(self.open_page, service) for _ in range(4)]
        connection, head = await deferToThread(self.begun, service, "http")
        body = await deferToThread(clients.rest_of, connection, head)
        self.assertEqual(len(body), len(noisy_image()))
        clients.close([connection, *(page.connection for page in pages)])
        await self.until_metric(service, "connections", 1)
        lines: list[dict[str, Any]] = service.events
        self.assertEqual([one for one in lines if one.get("route") == "/page/events"], [])

    async def test_taken_off(self) -> None:
        service = await self.serve_image(SERVE_PAGE="false")
        self.assertEqual((await self.get(service, "/")).status, 404)
