"""A service with one image, and clients of all kinds that come to it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from demo.service import ServiceProcess
from tests.certificates import identity
from tests.field import clients
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase
from tests.httpd.outbound.servers import trial_reactor


class ClientTestCase(FieldTestCase):
    """A service with one image, on a TLS and a plain listener."""

    def setUp(self) -> None:
        super().setUp()
        (self.data / file_name("1")).write_bytes(noisy_image())
        self.connections: list[socket.socket] = []

    async def serve_image(self, **settings: str) -> ServiceProcess:
        key, certificate = identity("localhost").write(self.directory())
        tls = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        both = {"HTTP_LISTEN_PORT": "0", "HTTP_SERVES": "all"}
        image = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        service = await self.start(image | tls | both | settings, healthy=True)
        # Before the service is stopped, which would wait for them.
        self.addCleanup(lambda: clients.close(self.connections))
        return service

    def kept(self, connection: socket.socket) -> socket.socket:
        """The same, closed when the test ends."""
        self.connections.append(connection)
        return connection

    def is_listening(self, service: ServiceProcess) -> bool:
        """Whether the plain listener takes connections."""
        try:
            clients.connect(service, "http").close()
        except ConnectionError:
            return False
        return True

    async def until(self, holds: Callable[[], Any]) -> float:
        """Ask again and again; the seconds that it took.  The test's own timeout is the bound."""
        started = time.monotonic()
        while True:
            held = holds()
            if await held if isinstance(held, Deferred) else held:
                return time.monotonic() - started
            await deferLater(trial_reactor(), 0.05)

    async def until_metric(self, service: ServiceProcess, name: str, value: float) -> float:
        async def is_so() -> bool:
            return (await self.metrics(service))[name] == value

        return await self.until(lambda: Deferred.fromCoroutine(is_so()))
