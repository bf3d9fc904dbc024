"""Requests, counted: as prometheus_client's own metrics would."""

from __future__ import annotations

import re

from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from twisted.trial.unittest import SynchronousTestCase

from httpd.web.request_counts import RequestCounts
from tests.properties import given

LABELS = ("service", "handler", "method", "code")

SECONDS = (0.0, 0.05, 0.1, 0.1000001, 1.0, 600.0, 601.0)
SIZES = (0, 99, 100, 101, 10**6, 10**10, 10**10 + 1)

Request = tuple[str, str, int, int, float]

requests = st.tuples(
    st.sampled_from(("/byid/:token", "/images/:imageID")),
    st.sampled_from(("GET", "HEAD")),
    st.sampled_from((200, 206, 404)),
    st.sampled_from(SIZES),
    st.sampled_from(SECONDS),
)


class Model:
    """The same in the library's own metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.durations = Histogram(
            "x_http_request_duration_seconds",
            "The latency of the HTTP requests.",
            LABELS,
            buckets=(0.1, 1, 10, 50, 100, 300, 600),
            registry=self.registry,
        )
        self.sizes = Histogram(
            "x_http_response_size_bytes",
            "The size of the HTTP responses.",
            LABELS,
            buckets=(100, 1e6, 5e8, 1e9, 1e10),
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "x_http_requests_inflight",
            "The number of inflight requests being handled at the same time.",
            LABELS[:2],
            registry=self.registry,
        )
        self.sent = Counter("x_sent_bytes", "Body bytes sent to clients.", registry=self.registry)

    def started(self, route: str) -> None:
        self.in_flight.labels("", route).inc()

    def ended(self, route: str, method: str, status: int, size: int, seconds: float) -> None:
        self.in_flight.labels("", route).dec()
        self.durations.labels("", route, method, str(status)).observe(seconds)
        self.sizes.labels("", route, method, str(status)).observe(size)
        self.sent.inc(size)


def exposed(collector: RequestCounts | CollectorRegistry) -> str:
    """The text, but for when counting began."""
    text = generate_latest(collector).decode()
    return re.sub(r"(_created(?:\{.*\})?) [0-9.e+]+\n", r"\1 then\n", text)


class RequestCountsTests(SynchronousTestCase):
    @given(st.lists(requests), st.lists(requests, max_size=3))
    def test_same_text(self, over: list[Request], under_way: list[Request]) -> None:
        counts, model = RequestCounts("x_"), Model()
        for one in (counts, model):
            for request in over:
                one.started(request[0])
                one.ended(*request)
            for request in under_way:
                one.started(request[0])
        self.assertEqual(exposed(counts), exposed(model.registry))

    def test_sent_of_what_is_under_way(self) -> None:
        """A long download counts while it lasts, and not at its end alone."""
        under_way = [700]
        counts = RequestCounts("x_", lambda: sum(under_way))
        self.assertIn("x_sent_bytes_total 700.0\n", exposed(counts))
        under_way.clear()
        counts.started("/a")
        counts.ended("/a", "GET", 200, 900, 0.5)
        self.assertIn("x_sent_bytes_total 900.0\n", exposed(counts))

    def test_since_when(self) -> None:
        """What began to be counted later says so."""
        counts = RequestCounts("x_")
        self.assertIn("x_sent_bytes_created then\n", exposed(counts))
        self.assertNotIn("seconds_created{", exposed(counts))
        counts.started("/a")
        counts.ended("/a", "GET", 200, 1, 0.5)
        labels = 'code="200",handler="/a",method="GET",service=""'
        self.assertIn(
            f"x_http_request_duration_seconds_created{{{labels}}} then\n", exposed(counts)
        )
