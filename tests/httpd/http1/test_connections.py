"""How many connections there may be, and who makes room."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.connections import Connections


class Connection:
    """Closes when the test says so."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.aborted = self.drained = False
        self.delivered = True
        self.sent_bytes = 0
        connections.opened(self)

    def abort(self) -> None:
        self.aborted = True

    def drain(self) -> None:
        self.drained = True

    def close(self) -> None:
        self.connections.closed(self)


class ConnectionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connections = Connections(3, spare=2)

    def opened(self, count: int) -> list[Connection]:
        return [Connection(self.connections) for _ in range(count)]

    def aborted(self, connections: list[Connection]) -> list[bool]:
        return [connection.aborted for connection in connections]

    def test_longest_waiting_makes_room(self) -> None:
        """One for each that comes, also when they come faster than they close."""
        old = self.opened(3)
        self.opened(2)
        self.assertEqual(self.aborted(old), [True, True, False])
        self.assertEqual((len(self.connections), self.connections.reused), (3, 2))

    def test_waiting_is_counted_from_the_last_answer(self) -> None:
        old = self.opened(3)
        self.connections.answers(old[0])
        self.connections.waits(old[0])
        self.opened(1)
        self.assertEqual(self.aborted(old), [False, True, False])

    def answering(self, count: int) -> list[Connection]:
        opened = []
        for _ in range(count):
            opened += self.opened(1)
            self.connections.answers(opened[-1])
        return opened

    def test_answers_are_never_cut_for_room(self) -> None:
        busy = self.answering(5)
        (new,) = self.opened(1)
        self.assertEqual((self.aborted(busy), new.aborted), ([False] * 5, True))
        self.assertEqual((len(self.connections), self.connections.refused), (5, 1))

    def test_answers_that_are_not_delivered_are_not_cut_either(self) -> None:
        """They have ended for the service, and not for the client."""
        old = self.answering(3)
        for connection in old:
            self.connections.waits(connection)
        old[0].delivered = old[1].delivered = False
        self.opened(1)
        self.assertEqual(self.aborted(old), [False, False, True])

    def test_spare_places(self) -> None:
        """Where all are busy one may still ask how the service is, and get no download."""
        self.answering(3)
        self.assertFalse(self.connections.crowded)
        (probe,) = self.opened(1)
        self.assertFalse(probe.aborted)
        self.connections.answers(probe)
        self.assertTrue(self.connections.crowded)
        probe.close()
        self.assertFalse(self.connections.crowded)

    def test_who_waits_in_a_spare_place_makes_room(self) -> None:
        self.answering(3)
        spare = self.opened(4)
        self.assertEqual(self.aborted(spare), [True, True, True, False])
        self.assertEqual((len(self.connections), self.connections.refused), (4, 0))

    def test_closed_ones_count_no_more(self) -> None:
        old = self.opened(3)
        old[1].close()
        self.opened(1)
        self.assertEqual(self.aborted(old), [False] * 3)

    def test_one_line_of_log(self) -> None:
        """For each time that the limit is reached, and not for each connection."""
        with capturedLogs() as events:
            connections = self.opened(8)
            for connection in connections:
                connection.close()
            self.opened(5)
        self.assertEqual(len(events), 2)

    def test_sent_bytes(self) -> None:
        """Of what is under way alone: what is over is counted elsewhere."""
        busy = self.answering(3)
        for position, connection in enumerate(busy):
            connection.sent_bytes = 10**position
        self.connections.waits(busy[0])
        self.assertEqual(self.connections.sent_bytes, 110)

    def test_drain(self) -> None:
        """Fires when the last one is closed."""
        connections = self.opened(2)
        self.connections.answers(connections[1])
        drained = self.connections.drain()
        self.assertEqual([one.drained for one in connections], [True, True])
        connections[0].close()
        self.assertNoResult(drained)
        connections[1].close()
        self.successResultOf(drained)

    def test_nothing_to_drain(self) -> None:
        self.successResultOf(self.connections.drain())
