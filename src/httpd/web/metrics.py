"""What any service measures of itself, and the page that tells it."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from twisted.copyright import version as twisted_version

from httpd.concurrency.slots import Slots
from httpd.concurrency.turns import Turns
from httpd.http1.connections import Connections
from httpd.web.answered import Answered, Reply
from httpd.web.disk_room import DiskRoom
from httpd.web.request import ServiceRequest
from httpd.web.request_counts import RequestCounts


class HttpMetrics(Collector):
    """
    The metrics of requests, downloads and connections, of the process and what it needs; a service
    adds its own.

    @ivar counts: what this process alone has to tell.
    @ivar state: what any process of the service would tell alike.
    """

    def __init__(self, prefix: str, version: str, slots: Slots, connections: Connections) -> None:
        """
        @param prefix: what the metrics' names begin with.
        @param version: the service's.
        """
        self._prefix = prefix
        self._disks: DiskRoom | None = None
        self.counts = CollectorRegistry()
        self.state = CollectorRegistry()
        build = {
            "version": version,
            "python": platform.python_version(),
            "twisted": twisted_version,
        }
        Info(prefix + "build", "What runs here.", registry=self.state).info(build)
        ProcessCollector(registry=self.counts)
        self.state.register(_SlotCollector(prefix, slots))
        self.counts.register(_ConnectionCollector(prefix, connections))
        requests = RequestCounts(prefix, lambda: connections.sent_bytes)
        self.counts.register(requests)
        self.request_started, self.request_ended = requests.started, requests.ended
        self.stalled_clients = Counter(
            prefix + "stalled_clients",
            "Clients dropped because they read nothing for too long.",
            registry=self.counts,
        )

    def collect(self) -> Iterable[Metric]:
        """All of them, now."""
        yield from self.state.collect()
        yield from self.counts.collect()

    def watch_disks(self, directories: Mapping[str, Path], turns: Turns) -> None:
        """Tell from now on what room there is; the arguments are those of L{DiskRoom}."""
        self._disks = DiskRoom(self._prefix, directories, turns)
        self.state.register(self._disks)

    def watch_certificate(self, expiry: Callable[[], float]) -> None:
        """
        Tell from now on how long the certificate is good that the listener has.

        @param expiry: says until when that is now, in seconds since the epoch.
        """
        Gauge(
            self._prefix + "certificate_expiration_timestamp_seconds",
            "When the certificate expires that new connections get, in Unix time.",
            registry=self.state,
        ).set_function(expiry)

    async def look(self) -> None:
        """Look at what L{collect} cannot look at without waiting."""
        if self._disks is not None:
            await self._disks.look()

    async def collected(self) -> Iterable[Metric]:
        """All of them, after that look."""
        await self.look()
        return self.collect()

    def numbers(self, metrics: Iterable[Metric]) -> dict[str, float]:
        """
        Counters and gauges as plain numbers, by what is behind the prefix in their samples' names;
        behind a space the values of their labels, where they have such.

        @param metrics: of this service, perhaps of all its processes.
        """
        found = {}
        for metric in metrics:
            if metric.type in {"counter", "gauge"}:
                for sample in metric.samples:
                    name = sample.name.removeprefix(self._prefix)
                    found[" ".join([name, *filter(None, sample.labels.values())])] = sample.value
        return found

    async def exposition(self) -> bytes:
        """All of them in Prometheus' text format."""
        await self.look()
        return generate_latest(self)

    def client_stalled(self) -> None:
        """Count a client that is cut off because it took nothing for too long."""
        self.stalled_clients.inc()


class _SlotCollector(Collector):
    """Reads at each scrape how many downloads there are, so that nothing is kept twice."""

    def __init__(self, prefix: str, slots: Slots) -> None:
        self._prefix = prefix
        self._slots = slots

    def collect(self) -> Iterable[Metric]:
        """Downloads that are under way, and those that are to come."""
        yield GaugeMetricFamily(
            self._prefix + "downloads_limit",
            "Downloads that may hold a slot at a time.",
            self._slots.limit,
        )
        yield GaugeMetricFamily(
            self._prefix + "downloads_in_flight", "Downloads that hold a slot.", self._slots.in_use
        )
        yield GaugeMetricFamily(
            self._prefix + "downloads_waiting",
            "Downloads that wait for a slot.",
            self._slots.waiting,
        )


class _ConnectionCollector(Collector):
    """Reads at each scrape how many connections there are."""

    def __init__(self, prefix: str, connections: Connections) -> None:
        self._prefix = prefix
        self._connections = connections

    def collect(self) -> Iterable[Metric]:
        """Connections that are open, and what became of those that were too many."""
        yield GaugeMetricFamily(
            self._prefix + "connections",
            "Client connections that are open.",
            len(self._connections),
        )
        yield GaugeMetricFamily(
            self._prefix + "connections_limit",
            "Client connections that may be open at a time.",
            self._connections.limit,
        )
        yield CounterMetricFamily(
            self._prefix + "connections_refused",
            "Connections cut because answers were under way on as many as there may be.",
            self._connections.refused,
        )
        yield CounterMetricFamily(
            self._prefix + "connections_reused",
            "Connections without a request that were cut to make room for new ones.",
            self._connections.reused,
        )


class MetricsResource(Answered):
    """C{/metrics}, in Prometheus' text format."""

    def __init__(self, exposition: Callable[[], Awaitable[bytes]]) -> None:
        """
        @param exposition: makes the text.
        """
        self._exposition = exposition

    async def reply(self, request: ServiceRequest) -> Reply:
        """The value of everything, now."""
        return Reply(await self._exposition(), content_type=CONTENT_TYPE_LATEST)
