"""What is measured, under the Go service's names where it has them (contract, section 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from assisted_images.store.images import ImageState, ImageStore
from assisted_images.web.problems import Problem, finish_with, write_problem
from assisted_images.web.request import ServiceRequest
from assisted_images.web.request_counts import RequestCounts
from assisted_images.web.resource import LeafResource
from httpd.concurrency.slots import Slots
from httpd.http1.connections import Connections

_PREFIX = "assisted_image_service_"


class Metrics(Collector):
    """
    The service's metrics.

    @ivar counts: what this process alone has to tell.
    @ivar state: what any process of the service would tell alike.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        slots: Slots,
        store: ImageStore,
        connections: Connections,
    ) -> None:
        self.counts: Collector = registry
        self.state: Collector = _StateCollector(slots, store)
        registry.register(_ConnectionCollector(connections))
        self._requests = RequestCounts(_PREFIX)
        registry.register(self._requests)
        self.stalled_clients = Counter(
            _PREFIX + "stalled_clients",
            "Clients dropped because they read nothing for too long.",
            registry=registry,
        )
        self._upstream = Histogram(
            _PREFIX + "assisted_service_request_duration_seconds",
            "The latency of calls to assisted-service, by call and outcome.",
            ("call", "outcome"),
            registry=registry,
        )

    def collect(self) -> Iterable[Metric]:
        """All of them, now."""
        yield from self.state.collect()
        yield from self.counts.collect()

    async def exposition(self) -> bytes:
        """The same in Prometheus' text format."""
        return generate_latest(self)

    def request_started(self, route: str) -> None:
        """Count a request to C{route} as in flight."""
        self._requests.started(route)

    def request_ended(
        self, route: str, method: str, status: int, size: int, seconds: float
    ) -> None:
        """Count a request as over; C{size} is bytes of body sent."""
        self._requests.ended(route, method, status, size, seconds)

    def client_stalled(self) -> None:
        """Count a client that is cut off because it took nothing for too long."""
        self.stalled_clients.inc()

    def upstream_called(self, call: str, outcome: str, seconds: float) -> None:
        """Count a call to assisted-service; C{outcome} is a status code or a failure's name."""
        self._upstream.labels(call, outcome).observe(seconds)

    def configuration_requested(self, shared: bool) -> None:
        """Count a configuration that a request needed."""
        self._requests.configuration_needed(shared=shared)


class _StateCollector(Collector):
    """Reads the slots' and the images' state at each scrape, so that nothing is kept twice."""

    def __init__(self, slots: Slots, store: ImageStore) -> None:
        self._slots = slots
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """Downloads first, then what is known of each image."""
        yield GaugeMetricFamily(
            _PREFIX + "downloads_in_flight", "Downloads that hold a slot.", self._slots.in_use
        )
        yield GaugeMetricFamily(
            _PREFIX + "downloads_waiting", "Downloads that wait for a slot.", self._slots.waiting
        )
        labels = ("version", "arch", "type")
        states = GaugeMetricFamily(
            _PREFIX + "image_state", "1 for the state an image is in.", labels=(*labels, "state")
        )
        present = GaugeMetricFamily(
            _PREFIX + "image_bytes", "Bytes of an image that are on disk.", labels=labels
        )
        total = GaugeMetricFamily(
            _PREFIX + "image_total_bytes",
            "Bytes that an image has in all; absent while that is not known.",
            labels=labels,
        )
        next_try = GaugeMetricFamily(
            _PREFIX + "image_next_try_timestamp_seconds",
            "When a failed image is tried again, in Unix time; absent for others.",
            labels=labels,
        )
        for image in self._store.images:
            entry = image.entry
            key = (entry.version, entry.architecture.value, entry.image_type.value)
            for state in ImageState:
                states.add_metric((*key, state.value), float(image.state is state))
            present.add_metric(key, image.bytes)
            if image.total is not None:
                total.add_metric(key, image.total)
            if image.next_try is not None:
                next_try.add_metric(key, image.next_try)
        yield from (states, present, total, next_try)


class _ConnectionCollector(Collector):
    """Reads at each scrape how many connections there are."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def collect(self) -> Iterable[Metric]:
        """Connections that are open, and what became of those that were too many."""
        yield GaugeMetricFamily(
            _PREFIX + "connections", "Client connections that are open.", len(self._connections)
        )
        yield CounterMetricFamily(
            _PREFIX + "connections_refused",
            "Connections cut because answers were under way on as many as there may be.",
            self._connections.refused,
        )
        yield CounterMetricFamily(
            _PREFIX + "connections_reused",
            "Connections without a request that were cut to make room for new ones.",
            self._connections.reused,
        )


class MetricsResource(LeafResource):
    """C{/metrics}, in Prometheus' text format."""

    _log = Logger()

    def __init__(self, exposition: Callable[[], Awaitable[bytes]]) -> None:
        """
        @param exposition: makes the text.
        """
        super().__init__()
        self._exposition = exposition

    def answer(self, request: ServiceRequest) -> None:
        """Answer with the value of everything, now."""
        answer = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answer.cancel())

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            text = await self._exposition()
        except CancelledError:
            return  # the client has left
        except Exception:
            self._log.failure("metrics cannot be told")
            write_problem(request, Problem(500, "the service failed to answer; its log says why"))
        else:
            finish_with(request, text, CONTENT_TYPE_LATEST)
