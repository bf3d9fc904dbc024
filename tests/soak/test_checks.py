"""What the soak looks at when the clients have gone is found where it is wrong, and only there."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.scale import MIB
from tests.soak.checks import (
    RSS_BOUND,
    Look,
    busy,
    descriptors_changed,
    errors_in,
    memory_grown,
    sums_wrong,
)
from tests.soak.exchange import Tally

_IDLE = {
    "downloads_in_flight": 0.0,
    "downloads_waiting": 0.0,
    "connections": 1.0,
    "http_requests_inflight": 0.0,
}
_SUMS = {
    "sent_bytes_total": 0.0,
    "http_request_duration_seconds_count": 0.0,
    "stalled_clients_total": 0.0,
    "connections_refused_total": 0.0,
}


def _look(memory: int = 50 * MIB, pid: int = 1, **descriptors: int) -> Look:
    return Look({pid: memory}, {pid: Counter(descriptors)})


class ChecksTests(SynchronousTestCase):
    def test_descriptors(self) -> None:
        before = _look(socket=2, pipe=1)
        self.assertEqual(descriptors_changed(before, _look(pipe=1, socket=2)), [])
        self.assertEqual(
            descriptors_changed(before, _look(pipe=1, socket=3)),
            ["process 1 has 3 of socket, and had 2"],
        )
        self.assertEqual(len(descriptors_changed(before, _look(pipe=1, image=2))), 2)

    def test_processes(self) -> None:
        """A worker that was replaced has died."""
        [wrong] = descriptors_changed(_look(), _look(pid=2))
        self.assertEqual(wrong, "the processes are [2], and were [1]")

    def test_memory(self) -> None:
        quarter = _look(50 * MIB)
        self.assertEqual(memory_grown(quarter, _look(50 * MIB + RSS_BOUND)), [])
        self.assertEqual(len(memory_grown(quarter, _look(50 * MIB + RSS_BOUND + 1))), 1)

    def test_in_use(self) -> None:
        self.assertEqual(busy(_IDLE), [])
        for name, value in _IDLE.items():
            self.assertEqual(len(busy({**_IDLE, name: value + 1})), 1, name)

    def test_log(self) -> None:
        """Errors and tracebacks; not what answers nonsense that the soak itself has sent."""
        fine = ['{"level": "warning", "status": 404}', '{"level": "error", "status": 505}', "any"]
        bad = ['{"level": "error", "status": 502}', '{"level": "critical"}', "Traceback (most"]
        self.assertEqual(list(errors_in(fine)), [])
        self.assertEqual(len(list(errors_in(fine + bad))), len(bad))

    def test_sums(self) -> None:
        """What was sent is what came at least, and at most what was promised."""
        requests = Counter(ranges=3, pages=5)
        tally = Tally(requests=requests, checked=10 * MIB, promised=20 * MIB)
        for sent, counted, wrong in ((15, 3, 0), (9, 3, 1), (22, 3, 1), (15, 2, 1)):
            after = {
                **_SUMS,
                "sent_bytes_total": float(sent * MIB),
                "http_request_duration_seconds_count": float(counted),
            }
            self.assertEqual(len(sums_wrong(_SUMS, after, tally)), wrong, (sent, counted))
            refused = {**after, "connections_refused_total": 1.0}
            self.assertEqual(len(sums_wrong(_SUMS, refused, tally)), wrong + 1)
