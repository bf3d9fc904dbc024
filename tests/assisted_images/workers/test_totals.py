"""Metrics of several workers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.workers.totals import Collected, Totals, families


class Worker:
    """A worker's metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sent = Counter("sent", "Bytes.", registry=self.registry)
        self.requests = Counter("requests", "Requests.", ("code",), registry=self.registry)
        self.open = Gauge("open", "Connections.", registry=self.registry)
        self.seconds = Histogram("seconds", "Time.", buckets=(1, 10), registry=self.registry)


class TotalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own, self.other = Worker(), Worker()
        self.totals = Totals()

    def note(self, number: int, worker: Worker) -> None:
        self.totals.note(number, families(worker.registry.collect()))

    def sums(self) -> dict[str, float]:
        metrics = Collected(self.totals.with_own(self.own.registry.collect())).collect()
        return {
            sample.name + "".join(map(str, sample.labels.values())): sample.value
            for metric in metrics
            for sample in metric.samples
        }

    def test_start(self) -> None:
        """It is that of the first."""
        for worker, seconds in ((self.own, 1000), (self.other, 2000)):
            Gauge(
                "start_time_seconds", "Start.", namespace="process", registry=worker.registry
            ).set(seconds)
        self.note(1, self.other)
        self.assertEqual(self.sums()["process_start_time_seconds"], 1000)

    def test_sums(self) -> None:
        """Of each sample, those too that only one of them has; when counting began: the first."""
        self.own.sent.inc(5)
        self.own.requests.labels("200").inc()
        self.other.sent.inc(7)
        self.other.requests.labels("200").inc(2)
        self.other.requests.labels("404").inc()
        self.own.open.set(1)
        self.other.open.set(2)
        for worker, seconds in ((self.own, 0.5), (self.own, 5), (self.other, 5), (self.other, 50)):
            worker.seconds.observe(seconds)
        self.note(1, self.other)
        sums = self.sums()
        self.assertEqual(
            {name: value for name, value in sums.items() if "created" not in name},
            {
                "sent_total": 12,
                "requests_total200": 3,
                "requests_total404": 1,
                "open": 3,
                "seconds_bucket1.0": 1,
                "seconds_bucket10.0": 3,
                "seconds_bucket+Inf": 4,
                "seconds_count": 4,
                "seconds_sum": 60.5,
            },
        )
        own = self.own.registry.get_sample_value("sent_created")
        self.assertEqual(sums["sent_created"], own)

    def test_noted_anew(self) -> None:
        for _ in range(3):
            self.other.sent.inc()
            self.note(1, self.other)
        self.assertEqual(self.sums()["sent_total"], 3)

    def test_worker_ended(self) -> None:
        """What it counted stays, and what it had does not; the next one adds to that."""
        for _ in range(2):
            other = Worker()
            other.sent.inc(10)
            other.open.set(4)
            self.note(1, other)
            self.totals.end(1)
        other = Worker()
        other.sent.inc(1)
        other.open.set(1)
        self.note(1, other)
        sums = self.sums()
        self.assertEqual((sums["sent_total"], sums["open"]), (21, 1))
        self.totals.end(2)  # one that was never asked
        self.assertEqual(self.sums()["sent_total"], 21)
