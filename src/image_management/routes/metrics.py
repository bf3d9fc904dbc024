"""
What is measured: the metrics of any service (L{httpd.web.metrics}), and those of jobs, S3 and the
database (docs/reference/metrics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

from prometheus_client import Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from httpd.concurrency.slots import Slots
from httpd.http1.connections import Connections
from httpd.web.metrics import HttpMetrics
from image_management import __version__
from image_management.records.words import JobStatus, JobType

_PREFIX = "image_management_"

_STAGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600)


class _Jobs(Collector):
    """How many jobs there are, of all statuses and types."""

    def __init__(
        self,
        counts: Callable[[], Mapping[tuple[str, str], int]],
        ended: Mapping[tuple[str, str], int],
    ) -> None:
        self._counts = counts
        self._ended = ended

    def collect(self) -> Iterator[Metric]:
        """One sample for each."""
        text = "The jobs of this service's backend, by status and type."
        jobs = GaugeMetricFamily(_PREFIX + "jobs", text, labels=("status", "job_type"))
        counts = self._counts()
        for status, job_type in product(JobStatus, JobType):
            jobs.add_metric([status, job_type], counts.get((status, job_type), 0))
        text = "The jobs that have come to their end, by how and by type."
        ended = CounterMetricFamily(_PREFIX + "jobs_ended", text, labels=("status", "job_type"))
        for status, job_type in product((JobStatus.SUCCESS, JobStatus.ERROR), JobType):
            ended.add_metric([status, job_type], self._ended.get((status, job_type), 0))
        yield from (jobs, ended)


class Metrics(HttpMetrics):
    """The service's metrics."""

    def __init__(self, slots: Slots, connections: Connections) -> None:
        super().__init__(_PREFIX, __version__, slots, connections)
        self._s3_calls = Histogram(
            _PREFIX + "s3_request_duration_seconds",
            "The latency of each try of a request to S3, by operation and outcome.",
            ("operation", "outcome"),
            registry=self.counts,
        )
        self._s3_up = Gauge(
            _PREFIX + "s3_up", "1 while S3 answers for the buckets.", registry=self.state
        )

        self._database_calls = Histogram(
            _PREFIX + "database_request_duration_seconds",
            "How long the database took each time that it was asked, by operation and outcome.",
            ("operation", "outcome"),
            registry=self.counts,
        )
        self._database_up = Gauge(
            _PREFIX + "database_up",
            "0 while the database did not answer the last time that it was asked, else 1.",
            registry=self.state,
        )
        self._database_up.set(1)
        self._stages = Histogram(
            _PREFIX + "job_stage_duration_seconds",
            "How long each stage of jobs on this host took.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=self.counts,
        )

        self._reaped = Counter(
            _PREFIX + "kubernetes_reaped_objects",
            "The objects that jobs had left in Kubernetes and that were deleted, by kind.",
            ("kind",),
            registry=self.counts,
        )
        self._watch_restarts = Counter(
            _PREFIX + "kubernetes_watch_restarts",
            "How often a watch of Kubernetes broke and had to be begun again, by resource.",
            ("resource",),
            registry=self.counts,
        )

    def watch_jobs(
        self,
        counts: Callable[[], Mapping[tuple[str, str], int]],
        ended: Mapping[tuple[str, str], int],
    ) -> None:
        """
        Tell of the jobs what C{counts} says, by status and type, at each scrape.

        @param ended: those that have ended, which grows.
        """
        self.state.register(_Jobs(counts, ended))

    def stage_ended(self, stage: str, seconds: float) -> None:
        """Note how long a stage of a job has taken."""
        self._stages.labels(stage).observe(seconds)

    def reaped(self, kind: str) -> None:
        """Count an object of Kubernetes that was deleted, as no job needed it."""
        self._reaped.labels(kind).inc()

    def watch_restarted(self, resource: str) -> None:
        """Count a watch of Kubernetes that broke."""
        self._watch_restarts.labels(resource).inc()

    def s3_called(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a try of a request to S3."""
        self._s3_calls.labels(operation, outcome).observe(seconds)

    def database_asked(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a time that the database was asked."""
        self._database_calls.labels(operation, outcome).observe(seconds)
        self._database_up.set(outcome == "ok")

    def watch_s3(self, is_up: Callable[[], bool]) -> None:
        """Tell of S3's state what C{is_up} says, at each scrape."""
        self._s3_up.set_function(lambda: float(is_up()))
