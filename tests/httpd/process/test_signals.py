"""Signals that a process would die of, sent to this one."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from httpd.process.signals import OperatorSignals

reactor: Any = _reactor


class OperatorSignalsTests(TestCase):
    def setUp(self) -> None:
        self.happened: list[str] = []
        self.terminal = False
        self.service = OperatorSignals(
            reactor,
            lambda: self.happened.append("reopened"),
            lambda: self.happened.append("terminal lost"),
            lambda: self.terminal,
        )

    def start(self) -> None:
        self.service.startService()
        self.addCleanup(self.service.stopService)

    async def send(self, *numbers: signal.Signals) -> str:
        """Send signals; what the log says of them."""
        with capturedLogs() as events:
            for number in numbers:
                os.kill(os.getpid(), number)
                await deferLater(reactor, 0)
                await deferLater(reactor, 0)
        return " ".join(str(event.get("signal")) for event in events)

    async def test_each(self) -> None:
        self.start()
        told = await self.send(signal.SIGUSR1, signal.SIGUSR2)
        self.assertEqual((told, self.happened), ("SIGUSR1 SIGUSR2", []))
        self.assertEqual(await self.send(signal.SIGHUP), "SIGHUP")
        self.assertEqual(self.happened, ["reopened"])

    async def test_terminal(self) -> None:
        """It may send the signal by itself, when it is closed; others send it while it is there."""
        self.terminal = True
        self.start()
        await self.send(signal.SIGHUP)
        self.assertEqual(self.happened, ["reopened"])
        self.terminal = False
        await self.send(signal.SIGHUP)
        self.assertEqual(self.happened, ["reopened", "terminal lost"])

    def test_stopped(self) -> None:
        before = signal.getsignal(signal.SIGHUP)
        self.start()
        self.assertNotEqual(signal.getsignal(signal.SIGHUP), before)
        self.service.stopService()
        self.assertEqual(signal.getsignal(signal.SIGHUP), before)
