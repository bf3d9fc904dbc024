"""
What is measured: the metrics of any service (L{httpd.web.metrics}), and those of images and their
configurations; under the Go service's names where it has them (docs/reference/metrics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from assisted_images import __version__
from assisted_images.infra_envs.agreement import Source
from assisted_images.store.images import ImageState, ImageStore
from httpd.concurrency.slots import Slots
from httpd.http1.connections import Connections
from httpd.web.metrics import HttpMetrics

PREFIX = "assisted_image_service_"
"""What the names of all of them begin with."""


class Metrics(HttpMetrics):
    """The service's metrics."""

    def __init__(self, slots: Slots, store: ImageStore, connections: Connections) -> None:
        super().__init__(PREFIX, __version__, slots, connections)
        self.state.register(_ImageCollector(store))
        self.counts.register(_OnDemandCollector(store))
        configurations = Counter(
            PREFIX + "configuration_requests",
            "Configurations asked for; shared: answered without a call to assisted-service.",
            ("shared",),
            registry=self.counts,
        )
        self._sources = Counter(
            PREFIX + "configuration_cache",
            "Configurations that were looked for in the cache of all replicas, by where they came"
            " from.",
            ("source",),
            registry=self.counts,
        )
        # To look for a label takes as long as to count.
        self._shared, self._fetched = configurations.labels("true"), configurations.labels("false")
        self._upstream = Histogram(
            PREFIX + "assisted_service_request_duration_seconds",
            "The latency of calls to assisted-service, by call and outcome.",
            ("call", "outcome"),
            registry=self.counts,
        )

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """Count a call to assisted-service; C{outcome} is a status code or a failure's name."""
        self._upstream.labels(call, outcome).observe(seconds)

    def configuration_requested(self, shared: bool) -> None:
        """Count a configuration that a request needed; C{shared}: another had asked for it."""
        (self._shared if shared else self._fetched).inc()

    def configuration_agreed(self, source: Source) -> None:
        """Count a configuration that was looked for in the replicas' cache."""
        self._sources.labels(source.value).inc()
        if source in {Source.SHARED, Source.AWAITED}:
            self.configuration_requested(True)

    def watch_cache(self, is_there: Callable[[], bool]) -> None:
        """Tell from now on whether the replicas' cache can be asked."""
        up = Gauge(
            PREFIX + "configuration_cache_up",
            "Whether the cache of all replicas can be asked: 1, or 0.",
            registry=self.state,
        )
        up.set_function(lambda: float(is_there()))


class _ImageCollector(Collector):
    """Reads the images' state at each scrape, so that nothing is kept twice."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """What is known of each image."""
        labels = ("version", "arch", "type")
        states = GaugeMetricFamily(
            PREFIX + "image_state", "1 for the state an image is in.", labels=(*labels, "state")
        )
        present = GaugeMetricFamily(
            PREFIX + "image_bytes", "Bytes of an image that are on disk.", labels=labels
        )
        total = GaugeMetricFamily(
            PREFIX + "image_total_bytes",
            "Bytes that an image has in all; absent while that is not known.",
            labels=labels,
        )
        next_try = GaugeMetricFamily(
            PREFIX + "image_next_try_timestamp_seconds",
            "When a failed image is tried again, in Unix time; absent for others.",
            labels=labels,
        )
        failures = CounterMetricFamily(
            PREFIX + "image_failures",
            "Times that an image could not be fetched, or was not good.",
            labels=labels,
        )
        for image in self._store.images:
            entry = image.entry
            key = (entry.version, entry.architecture.value, entry.image_type.value)
            failures.add_metric(key, image.failures)
            for state in ImageState:
                states.add_metric((*key, state.value), float(image.state is state))
            present.add_metric(key, image.bytes_here)
            if image.total is not None:
                total.add_metric(key, image.total)
            if image.next_try is not None:
                next_try.add_metric(key, image.next_try)
        yield from (states, present, total, next_try, failures)


class _OnDemandCollector(Collector):
    """Reads what was done with the images that are fetched on demand."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """What is known of each; it begins anew with another file."""
        labels = ("version", "arch", "type")
        reads = CounterMetricFamily(
            PREFIX + "on_demand_reads",
            "Times that bytes were asked for; hit: they were on disk.",
            labels=(*labels, "hit"),
        )
        fetched = CounterMetricFamily(
            PREFIX + "on_demand_fetched_bytes", "Bytes that came from the origin.", labels=labels
        )
        failed = CounterMetricFamily(
            PREFIX + "on_demand_failed_fetches",
            "Times that a block could not be fetched from the origin, or not be kept.",
            labels=labels,
        )
        waiting = GaugeMetricFamily(
            PREFIX + "on_demand_readers_waiting",
            "Readers that wait for bytes from the origin.",
            labels=labels,
        )
        evicted = CounterMetricFamily(
            PREFIX + "on_demand_evicted_blocks",
            "Blocks of 1 MiB that were taken off the disk for others.",
            labels=labels,
        )
        for image in self._store.images:
            file = image.on_demand
            if file is not None:
                entry = image.entry
                key = (entry.version, entry.architecture.value, entry.image_type.value)
                reads.add_metric((*key, "true"), file.hits)
                reads.add_metric((*key, "false"), file.misses)
                fetched.add_metric(key, file.fetching.fetched)
                failed.add_metric(key, file.fetching.failed)
                waiting.add_metric(key, file.fetching.waiting)
                evicted.add_metric(key, file.held.evicted)
        yield from (reads, fetched, failed, waiting, evicted)
