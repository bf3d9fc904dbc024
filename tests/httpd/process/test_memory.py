"""When memory is given back; that it is, is what tests/field has."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.process.memory import LOOK_SECONDS, MemoryReturn, trim_heap


class MemoryReturnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connections: set[int] = set()
        self.clock = Clock()
        self.trims = 0
        self.service = MemoryReturn(self.connections, self.clock, self.trimmed)
        self.service.startService()

    def trimmed(self) -> None:
        self.trims += 1

    def be(self, count: int) -> int:
        """So many connections are there for a while; how often memory was given back since."""
        self.trims = 0
        self.connections.clear()
        self.connections.update(range(count))
        for _ in range(3):
            self.clock.advance(LOOK_SECONDS)
        return self.trims

    def test_crowd(self) -> None:
        """Once for each crowd, when most of it has gone."""
        self.assertEqual([self.be(count) for count in (1000, 600, 500, 450)], [0, 0, 1, 0])
        self.assertEqual([self.be(count) for count in (1000, 0, 0)], [0, 1, 0])

    def test_few(self) -> None:
        self.assertEqual([self.be(count) for count in (99, 0, 50, 0)], [0, 0, 0, 0])

    def test_stopped(self) -> None:
        self.be(1000)
        self.service.stopService()
        self.assertEqual(self.be(0), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_heap(self) -> None:
        """There is one, and nothing breaks."""
        trim_heap()
