"""Listening sockets that are open before the service is, and after it (systemd's activation)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread

from assisted_images.settings.table import SETTINGS
from demo.service import ServiceFailed, ServiceProcess
from tests.assisted_images.workers.service import WORKERS, ask, environment_of, secondaries
from tests.certificates import identity
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.images import os_images
from tests.field.service import SECONDS
from tests.httpd.outbound.servers import trial_reactor
from tests.running import base_environment, found_program


class Ports:
    """Sockets as a server whose ports are known."""

    def __init__(self, *names: str) -> None:
        self.sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
        self.names = ":".join(names)
        numbers = (one.getsockname()[1] for one in self.sockets)
        self.ports = dict(zip(names, numbers, strict=True))


class PassedSocketTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.passed = self.opened("https", "http")

    def opened(self, *names: str) -> Ports:
        opened = Ports(*names)
        for one in opened.sockets:
            self.addCleanup(one.close)
        return opened

    async def activated(self, by: Sequence[str] = (), **settings: str) -> ServiceProcess:
        """The service, which opens no port: LISTEN_PORT could not be had."""
        key, certificate = identity("localhost").write(self.directory())
        own = {
            "HTTPS_KEY_FILE": str(key),
            "HTTPS_CERT_FILE": str(certificate),
            "HTTP_SERVES": "all",
            "LISTEN_PORT": str(self.passed.ports["http"]),
        }
        image = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        self.addCleanup(lambda: clients.close(self.connections))
        return await self.start(
            own | image | settings,
            healthy=True,
            starting=lambda service: service.pass_sockets(
                self.passed.names, self.passed.sockets, by
            ),
        )

    def asking(self, scheme: str) -> socket.socket:
        """A client that has sent its request, whoever will answer that; TLS takes an answer."""
        connection = self.kept(clients.connect(self.passed, scheme))
        if scheme == "http":
            connection.sendall(clients.request("/live"))
        return connection

    async def assert_answered(self, scheme: str, connection: Any) -> None:
        def answered() -> bytes:
            if scheme == "http":
                return clients.head_of(connection)
            secure = self.kept(clients.secured(connection))
            secure.sendall(clients.request("/live"))
            return clients.head_of(secure)

        head = await deferToThread(answered)
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)

    async def test_restart(self) -> None:
        """Who comes while no service runs is answered by the next one, on either listener."""
        for _ in range(3):
            waiting = {scheme: self.asking(scheme) for scheme in self.passed.ports}
            service = await self.activated()
            for scheme, connection in waiting.items():
                await self.assert_answered(scheme, connection)
                await self.assert_answered(scheme, self.asking(scheme))
            self.assertEqual(service.ports, self.passed.ports)
            clients.close(self.connections)
            self.assertEqual(await service.stop(SECONDS), 0)

    async def test_workers(self) -> None:
        """All of them listen on the same sockets, and are not told of any passed ones."""
        service = await self.activated(WORKERS=str(WORKERS))
        for pid in secondaries(service):
            told = [name for name in environment_of(pid) if name.startswith("LISTEN_")]
            self.assertEqual(told, [])
        for scheme in self.passed.ports:
            fresh = [self.kept(clients.client(self.passed, scheme)) for _ in range(4 * WORKERS)]
            answers = [await deferToThread(ask, one, self.full_iso()) for one in fresh]
            self.assertEqual(len({body for _, body in answers}), 1)
        workers = {event.get("worker") for event in service.events if event.get("route")}
        self.assertEqual(workers, set(range(WORKERS)))
        clients.close(self.connections)
        self.assertEqual(await service.stop(SECONDS), 0)
        # Nobody of them has closed the sockets for all: the next one is served.
        waiting = self.asking("http")
        await self.activated()
        await self.assert_answered("http", waiting)

    async def test_systemd(self) -> None:
        """By systemd's own program, which waits for the first client to come."""
        variables = [f"--setenv={name}" for name in base_environment()]
        waiting = self.asking("http")
        program = found_program("systemd-socket-activate")
        variables += [f"--setenv={name}" for setting in SETTINGS for name in setting.names]
        await self.activated(by=[program, f"--fdname={self.passed.names}", *variables])
        await self.assert_answered("http", waiting)
        await self.assert_answered("https", self.asking("https"))

    async def test_several_of_a_name(self) -> None:
        """As a unit has them that listens on some addresses only; and without a certificate."""
        first, second = self.opened("http"), self.opened("http")
        image = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        sockets = [*first.sockets, *second.sockets]
        await self.start(
            image, starting=lambda service: service.pass_sockets("http:other", sockets)
        )
        for one in (first, second):
            connection = self.kept(clients.client(one, "http"))
            head, _ = await deferToThread(ask, connection, "/live")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        clients.close(self.connections)

    async def test_wrong(self) -> None:
        """It says so with all else that is wrong, and does not start."""
        with self.assertRaises(ServiceFailed) as caught:
            await self.start(
                {"WORKERS": "0"},
                starting=lambda one: one.pass_sockets(self.passed.names, self.passed.sockets),
            )
        self.assertIn("2 settings are wrong:", str(caught.exception))
        self.assertIn("LISTEN_FDNAMES: https, and there is no cert", str(caught.exception))

    async def test_image_management(self) -> None:
        environment = base_environment() | {
            "S3_ENDPOINT": "http://127.0.0.1:1",
            "S3_ACCESS_KEY": "key",
            "S3_SECRET_KEY": "secret",
            "IMS_DATA_DIR": str(self.directory()),
            "LISTEN_PORT": str(self.passed.ports["http"]),
            "DRAIN_SECONDS": "1",
        }
        opened = self.opened("http")
        reactor: Any = trial_reactor()
        service = ServiceProcess(reactor, environment, service="image-management")
        service.pass_sockets(opened.names, opened.sockets)
        waiting = self.kept(clients.client(opened, "http"))
        self.addCleanup(service.stop, SECONDS)
        await service.start(SECONDS)
        head, _ = await deferToThread(ask, waiting, "/healthz/live")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        clients.close(self.connections)


class Manager(DatagramProtocol):
    """What listens for a service manager."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.heard.append(datagram.decode())


class NotificationTests(ClientTestCase):
    async def test_service(self) -> None:
        """It is ready when it listens, whatever its images are, and is heard of until its end."""
        manager = Manager()
        # By a relative path, seen from the service's working directory, it would be another.
        name = f"\0{self.id()}"
        port = trial_reactor().listenUNIXDatagram(name, manager)
        self.addCleanup(port.stopListening)
        settings = {"NOTIFY_SOCKET": f"@{name[1:]}", "WATCHDOG_USEC": "200000"}
        image = os_images({"version": "2", "url": "http://127.0.0.1:1/nobody"})
        service = await self.start(image | settings | {"WORKERS": "2"})
        await self.until(lambda: "WATCHDOG=1" in manager.heard)
        self.assertEqual(manager.heard[0], "READY=1")
        (pid,) = await self.until_there(lambda: secondaries(service))
        self.assertFalse({"NOTIFY_SOCKET", "WATCHDOG_USEC"} & environment_of(pid).keys())
        self.assertEqual(await service.stop(SECONDS), 0)
        await self.until(lambda: manager.heard[-1].startswith("STOPPING=1"))
        self.assertEqual(manager.heard.count("READY=1"), 1)

    async def until_there(self, found: Any) -> Any:
        await self.until(found)
        return found()
