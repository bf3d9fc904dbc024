"""The room on disks, also on those that do not answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.threads import RunInThread
from httpd.concurrency.turns import Turns
from httpd.web.disk_room import DiskRoom


class DiskRoomTests(SynchronousTestCase):
    """A directory that answers, and one that may hang."""

    def setUp(self) -> None:
        self.here, self.hanging = Path(self.mktemp()), Path(self.mktemp())
        self.here.mkdir()
        self.hangs: list[Deferred[Any]] = []
        self.clock = Clock()
        turns = Turns(cast(RunInThread, self.run_in_thread), self.clock, 2)
        directories = {"DATA_DIR": self.here, "WORK_DIR": self.hanging}
        self.room = DiskRoom("x_", directories, turns)

    def run_in_thread(self, function: Callable[[Path], Any], path: Path) -> Deferred[Any]:
        if path == self.hanging:
            self.hangs.append(Deferred())
            return self.hangs[-1]
        return maybeDeferred(function, path)

    def look(self) -> dict[str, dict[str, float]]:
        looking = Deferred.fromCoroutine(self.room.look())
        self.clock.advance(2)
        self.successResultOf(looking)
        return self.told()

    def told(self) -> dict[str, dict[str, float]]:
        return {
            metric.name: {one.labels["directory"]: one.value for one in metric.samples}
            for metric in self.room.collect()
        }

    def test_before_the_first_look(self) -> None:
        self.assertEqual(self.told(), {"x_disk_free_bytes": {}, "x_disk_size_bytes": {}})

    def test_one_hangs(self) -> None:
        """The other is told of; and the one that hangs holds no second thread."""
        size = os.statvfs(self.here).f_blocks * os.statvfs(self.here).f_frsize
        for _ in range(2):
            told = self.look()
            self.assertEqual(told["x_disk_size_bytes"], {"DATA_DIR": size})
            self.assertEqual([*told["x_disk_free_bytes"]], ["DATA_DIR"])
            self.assertLessEqual(told["x_disk_free_bytes"]["DATA_DIR"], size)
        self.assertEqual(len(self.hangs), 1)
        self.hangs[0].callback(None)
        looking = Deferred.fromCoroutine(self.room.look())
        self.hangs[1].callback(os.statvfs(self.here))
        self.successResultOf(looking)
        self.assertEqual([*self.told()["x_disk_size_bytes"]], ["DATA_DIR", "WORK_DIR"])

    def test_not_there(self) -> None:
        self.here.rmdir()
        self.assertEqual(self.look()["x_disk_free_bytes"], {})
