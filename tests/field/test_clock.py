"""
The time of day is set while the service runs: whatever waits goes on waiting as long as it was to,
and dates are the new ones.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field.service import SECONDS, FieldTestCase
from tests.httpd.outbound.servers import trial_reactor
from tests.running import base_environment

_LIBRARY = "faketime/libfaketimeMT.so.1"
_HOUR, _CENTURY = 3600, 3600 * 24 * 36524


def faketime() -> Path:
    """
    The library that lies about the time of day.

    @raise AssertionError: it is not here: a test that lacks a program fails, it is not skipped.
    """
    for directory in ("/usr/lib", "/usr/lib64"):
        for found in (*Path(directory).glob(f"*/{_LIBRARY}"), Path(directory) / _LIBRARY):
            if found.exists():
                return found
    raise AssertionError("libfaketime is not installed; run: requirements/packages.sh test")


class ClockTests(FieldTestCase):
    """A service of two workers with an image that cannot be had, and clients that are slow."""

    async def started(self) -> ServiceProcess:
        self.offset = self.directory() / "offset"
        self.set_clock(0)
        image = {
            "openshift_version": "4.18",
            "cpu_architecture": "x86_64",
            "url": "http://127.0.0.1:1/nothing.iso",
            "version": "418.94.1-0",
        }
        environment = {
            "DATA_DIR": str(self.data),
            "INFRA_ENVS_DIR": str(self.directory()),
            "OS_IMAGES": json.dumps([image]),
            "IMAGE_SERVICE_BASE_URL": "http://localhost",
            "LISTEN_PORT": "0",
            "WORKERS": "2",
            "HEADER_SECONDS": "3",
            "DOWNLOAD_RETRY_SECONDS": "1",
            "DRAIN_SECONDS": "1",
            "LD_PRELOAD": str(faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            # Nobody can set that one.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        service = ServiceProcess(cast(Any, trial_reactor()), base_environment() | environment)

        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop(SECONDS)))
        await service.start(SECONDS)
        return service

    def set_clock(self, seconds: int) -> None:
        """Set the service's time of day so far beside ours, at once."""
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.offset)

    def slow_clients(self, service: ServiceProcess) -> list[socket.socket]:
        """Clients that have begun to ask, of both workers."""
        clients = []
        for _ in range(4):
            client = socket.create_connection(("127.0.0.1", service.ports["http"]), SECONDS)
            self.addCleanup(client.close)
            client.sendall(b"GET ")
            clients.append(client)
        return clients

    def until_cut(self, clients: list[socket.socket]) -> None:
        """Blocking; fails where one is not."""
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(client.recv(1), b"")

    def failures(self, service: ServiceProcess) -> Iterator[dict[str, Any]]:
        return (event for event in service.events if event.get("state") == "failed")

    async def check(self, seconds: int) -> None:
        service = await self.started()
        await service.wait_for(lambda: any(self.failures(service)), "fail", SECONDS)
        clients = await deferToThread(self.slow_clients, service)
        self.set_clock(seconds)
        await deferToThread(self.until_cut, clients)
        before = len([*self.failures(service)])
        await service.wait_for(
            lambda: len([*self.failures(service)]) > before + 1, "try again twice", SECONDS
        )
        response = await service.client().get(service.url("/live"))
        await response.content()
        (date,) = response.headers.getRawHeaders("date")
        ours = trial_reactor().seconds()  # the time of day, as this reactor is Twisted's own
        theirs = parsedate_to_datetime(date).timestamp()
        self.assertLess(abs(theirs - ours - seconds), SECONDS)
        self.assertEqual(await service.stop(SECONDS), 0)
        self.assertEqual([line for line in service.lines if "Traceback" in line], [])

    async def test_an_hour_back(self) -> None:
        await self.check(-_HOUR)

    async def test_years_back(self) -> None:
        """As where a machine starts without a clock, and is told the time later."""
        await self.check(-_CENTURY // 2)

    async def test_two_centuries_forward(self) -> None:
        """Linux sets no clock beyond 2232, and Python tells no time beyond 2262."""
        await self.check(2 * _CENTURY)
