"""What is counted of requests."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from itertools import accumulate
from math import inf

from prometheus_client import Counter
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_LABELS = ("service", "handler", "method", "code")
_Labels = tuple[str, ...]


class RequestCounts(Collector):
    """
    Plain numbers, which become metrics when they are collected.

    All in the reactor's thread: C{prometheus_client}'s own, each of which has a lock, take four
    times as long.
    """

    def __init__(self, prefix: str, under_way: Callable[[], int] = lambda: 0) -> None:
        """
        @param prefix: what the metrics' names begin with.
        @param under_way: bytes that have been sent of answers that are not over.
        """
        self._prefix = prefix
        self._under_way = under_way
        self._in_flight: defaultdict[str, int] = defaultdict(int)
        self._durations = _Histogram((0.1, 1, 10, 50, 100, 300, 600))
        self._sizes = _Histogram((100, 1e6, 5e8, 1e9, 1e10))
        self._sent_bytes = 0
        self._created = time.time()

    def started(self, route: str) -> None:
        """Count a request to C{route} as in flight."""
        self._in_flight[route] += 1

    def ended(self, route: str, method: str, status: int, size: int, seconds: float) -> None:
        """Count a request as over; C{size} is bytes of body sent."""
        self._in_flight[route] -= 1
        labels = _labels(route, method, status)
        self._durations.observe(labels, seconds)
        self._sizes.observe(labels, size)
        self._sent_bytes += size

    def collect(self) -> Iterable[Metric]:
        """All of them, now."""
        created = self._created if _tells_since_when() else None
        yield self._durations.family(
            self._prefix + "http_request_duration_seconds", "The latency of the HTTP requests."
        )
        yield self._sizes.family(
            self._prefix + "http_response_size_bytes", "The size of the HTTP responses."
        )
        in_flight = GaugeMetricFamily(
            self._prefix + "http_requests_inflight",
            "The number of inflight requests being handled at the same time.",
            labels=_LABELS[:2],
        )
        for route, requests in self._in_flight.items():
            in_flight.add_metric(("", route), requests)
        yield in_flight
        yield CounterMetricFamily(
            self._prefix + "sent_bytes",
            "Body bytes sent to clients.",
            self._sent_bytes + self._under_way(),
            created=created,
        )


class _Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        """
        @param bounds: the greatest value of each bucket but the last, which has no bound.
        """
        self._bounds = bounds
        self._buckets: dict[_Labels, list[int]] = {}
        self._sums: defaultdict[_Labels, float] = defaultdict(int)
        self._created: dict[_Labels, float] = {}

    def observe(self, labels: _Labels, value: float) -> None:
        if labels not in self._buckets:
            self._buckets[labels] = [0] * (len(self._bounds) + 1)
            self._created[labels] = time.time()
        self._buckets[labels][bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def family(self, name: str, documentation: str) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, documentation, labels=_LABELS)
        names = [floatToGoString(bound) for bound in (*self._bounds, inf)]
        for labels, buckets in self._buckets.items():
            up_to = accumulate(buckets)
            family.add_metric(labels, [*zip(names, up_to, strict=True)], self._sums[labels])
            if _tells_since_when():
                named = dict(zip(_LABELS, labels, strict=True))
                family.add_sample(f"{name}_created", named, self._created[labels])
        return family


@cache
def _labels(route: str, method: str, status: int) -> _Labels:
    return "", route, method, str(status)


@cache
def _tells_since_when() -> bool:
    """Whether metrics have C{_created}: the library's C{PROMETHEUS_DISABLE_CREATED_SERIES}."""
    (metric,) = Counter("any", "Any.", registry=None).collect()
    return any(sample.name == "any_created" for sample in metric.samples)
