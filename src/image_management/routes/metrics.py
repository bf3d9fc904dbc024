"""What is measured: the metrics of any service (L{httpd.web.metrics}), and those of S3."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Gauge, Histogram

from httpd.concurrency.slots import Slots
from httpd.http1.connections import Connections
from httpd.web.metrics import HttpMetrics

_PREFIX = "image_management_"

_STAGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600)


class Metrics(HttpMetrics):
    """The service's metrics."""

    def __init__(self, slots: Slots, connections: Connections) -> None:
        super().__init__(_PREFIX, slots, connections)
        self._s3_calls = Histogram(
            _PREFIX + "s3_request_duration_seconds",
            "The latency of each try of a request to S3, by operation and outcome.",
            ("operation", "outcome"),
            registry=self.counts,
        )
        self._s3_up = Gauge(
            _PREFIX + "s3_up", "1 while S3 answers for the buckets.", registry=self.state
        )

        self._stages = Histogram(
            _PREFIX + "job_stage_duration_seconds",
            "How long each stage of jobs on this host took.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=self.counts,
        )

    def stage_ended(self, stage: str, seconds: float) -> None:
        """Note how long a stage of a job has taken."""
        self._stages.labels(stage).observe(seconds)

    def s3_called(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a try of a request to S3."""
        self._s3_calls.labels(operation, outcome).observe(seconds)

    def watch_s3(self, is_up: Callable[[], bool]) -> None:
        """Tell of S3's state what C{is_up} says, at each scrape."""
        self._s3_up.set_function(lambda: float(is_up()))
