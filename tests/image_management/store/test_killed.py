"""What has been acknowledged survives SIGKILL."""

from __future__ import annotations

import json
import sys
from signal import SIGKILL
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from demo.service import ROOT
from image_management.records.kinds import Kind
from tests.image_management.store.case import OnPostgresql, OnSqlite, StoreCase
from tests.running import base_environment

_KILLS = 3
_LINES = 60


class Writer(ProcessProtocol):
    """L{tests.image_management.store.writing}, killed when it has written enough."""

    transport: IProcessTransport

    def __init__(self, most: int) -> None:
        self.ended: Deferred[None] = Deferred()
        self._most = most
        self._output = b""
        self._errors = b""

    def outReceived(self, data: bytes) -> None:
        self._output += data
        if len(self.acknowledged) >= self._most and self.transport.pid:
            self.transport.signalProcess("KILL")

    def errReceived(self, data: bytes) -> None:
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        if isinstance(reason.value, ProcessTerminated) and reason.value.signal == SIGKILL:
            self.ended.callback(None)
        else:
            self.ended.errback(AssertionError(self._errors.decode()))

    @property
    def acknowledged(self) -> list[dict[str, Any]]:
        """What it has said; not what it was about to say."""
        return [json.loads(line) for line in self._output.split(b"\n")[:-1]]


class KilledTests:
    """What every database keeps."""

    async def test_acknowledged_is_kept(self: Any) -> None:
        """Each time the folder is one that was left in the middle of writes."""
        expected: dict[str, dict[str, Any]] = {}
        for number in range(1, _KILLS + 1):
            writer = Writer(_LINES * number // 2)
            command = [sys.executable, "-m", "tests.image_management.store.writing"]
            command += [str(self.folder), *([self.url] if self.url else [])]
            reactor.spawnProcess(writer, command[0], command, base_environment(), str(ROOT))
            await writer.ended
            expected |= {said["id"]: said for said in writer.acknowledged}
        await self.check(expected)

    async def check(self: Any, expected: dict[str, dict[str, Any]]) -> None:
        """Everything that was said last of each record, or what was to come next, is so."""
        store = self.open_store()
        found = {
            record.id: (record.document["name"], record.deleted)
            for deleted in (False, True)
            for record in await store.list_records(Kind.IMAGE, deleted=deleted)
        }
        steps = [("added", False), ("changed", False), ("moved", True)]
        for id, said in expected.items():
            if "name" not in said:
                self.assertNotIn(id, found)
                continue
            step = steps.index((said["name"], said["deleted"]))
            self.assertIn(found.get(id), steps[step : step + 2])
            if said.get("busy") and found[id] == steps[step]:
                self.assertIsNotNone(await store.operation(Kind.IMAGE, id))
        self.assertGreater(len(expected), _LINES)


class SqliteKilledTests(KilledTests, OnSqlite, StoreCase):
    """In SQLite."""


class PostgresqlKilledTests(KilledTests, OnPostgresql, StoreCase):
    """In PostgreSQL, which goes on."""
