"""What a service manager is told, by its own datagram socket."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from httpd.process.supervisor import Supervisor


class Reactor(Clock):
    """A clock that says when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Any] = []

    def callWhenRunning(self, call: Any) -> None:
        self.waiting.append(call)

    def run(self) -> None:
        for call in self.waiting:
            call()


class SupervisorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        # A socket's path has at most 107 bytes (unix(7)).
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "notify"
        self.manager = self.bound(str(self.path))

    def bound(self, address: str) -> socket.socket:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(bound.close)
        bound.bind(address)
        bound.setblocking(False)
        return bound

    def heard(self) -> list[str]:
        heard = []
        while True:
            try:
                heard.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return heard

    def supervisor(self, **environment: str) -> Supervisor:
        self.environment = {"HOME": "/", "NOTIFY_SOCKET": str(self.path)} | environment
        return Supervisor.taken(self.environment, self.reactor, 300)

    def test_life(self) -> None:
        """Once each, and not before everything has started."""
        supervisor = self.supervisor()
        self.assertEqual(self.environment, {"HOME": "/"})
        supervisor.startService()
        self.assertEqual(self.heard(), [])
        self.reactor.run()
        self.assertEqual(self.heard(), ["READY=1"])
        supervisor.stopService()
        supervisor.stopService()
        self.assertEqual(self.heard(), ["STOPPING=1\nEXTEND_TIMEOUT_USEC=310000000"])

    def test_start_that_fails(self) -> None:
        supervisor = self.supervisor()
        supervisor.startService()
        supervisor.stopService()
        self.reactor.run()
        self.assertEqual(len(self.heard()), 1, "that it goes down")

    def test_watchdog(self) -> None:
        """Twice in the time in which it has to be heard of, until it goes down."""
        supervisor = self.supervisor(WATCHDOG_USEC="10000000", WATCHDOG_PID=f"{os.getpid()}")
        self.assertEqual(self.environment, {"HOME": "/"})
        supervisor.startService()
        self.reactor.run()
        self.assertEqual(self.heard(), ["READY=1", "WATCHDOG=1"])
        self.reactor.pump([5.0, 4.0, 1.0])
        self.assertEqual(self.heard(), ["WATCHDOG=1", "WATCHDOG=1"])
        supervisor.stopService()
        self.heard()
        self.reactor.advance(60)
        self.assertEqual(self.heard(), [])

    def test_watchdog_of_another(self) -> None:
        for environment in (
            {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"},
            {"WATCHDOG_USEC": "never"},
            {"WATCHDOG_USEC": "0"},
        ):
            self.supervisor(**environment).startService()
            self.reactor.run()
            self.reactor.waiting.clear()
            self.assertEqual(self.heard(), ["READY=1"])
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_abstract_name(self) -> None:
        name = self.mktemp().replace("/", "-")[-60:]
        self.manager = self.bound(f"\0{name}")
        self.supervisor(NOTIFY_SOCKET=f"@{name}").startService()
        self.reactor.run()
        self.assertEqual(self.heard(), ["READY=1"])

    def test_nobody_wants_to_know(self) -> None:
        with capturedLogs() as events:
            supervisor = self.supervisor(NOTIFY_SOCKET="")
            supervisor.startService()
            self.reactor.run()
            supervisor.stopService()
        self.assertEqual((self.heard(), events), ([], []))

    def test_nobody_is_there(self) -> None:
        """The service goes on."""
        self.manager.close()
        with capturedLogs() as events:
            self.supervisor().startService()
            self.reactor.run()
        (event,) = events
        self.assertIn("cannot be told", event["log_format"])
