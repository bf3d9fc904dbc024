"""What is found out about images and downloads."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.pages.overview import (
    Cache,
    Configurations,
    Disk,
    OnDemandView,
    Overview,
)
from assisted_images.pages.watch import Bounds, Watch
from assisted_images.routes.metrics import Metrics
from assisted_images.store.states import ImageState
from httpd.concurrency.slots import OwnSlots
from httpd.http1.connections import Connections
from httpd.pages.rates import SAMPLE_SECONDS
from tests.assisted_images.routes.application import Images, content, entry


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.slots = Clock(), OwnSlots(7)
        self.images = Images({entry(): None, entry("arm64"): content()})
        self.numbers: dict[str, float] = {"sent_bytes_total": 0}
        self.trouble: Exception | None = None
        self.watch = Watch(
            self.images,  # type: ignore[arg-type]
            self.slots,
            Bounds(3, None),
            self.clock,
            self.count,
            lambda: 2,
        )
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    async def count(self) -> dict[str, float]:
        if self.trouble is not None:
            raise self.trouble
        return dict(self.numbers)

    def overview(self) -> Overview:
        return self.successResultOf(Deferred.fromCoroutine(self.watch.overview()))

    def test_rates(self) -> None:
        image = self.images.images[0]
        image.change(ImageState.DOWNLOADING)
        image.total = 10_000
        for _ in range(3):
            self.numbers["sent_bytes_total"] += 5_000
            image.bytes += 1_000
            self.clock.advance(SAMPLE_SECONDS)
        found = self.overview()
        self.assertEqual((found.downloads.rate, found.downloads.rates), (1000, (1000,) * 3))
        self.assertEqual((found.images[0].rate, found.images[0].seconds_left), (200, 35))
        self.assertIsNone(found.images[1].rate)

    def test_routes(self) -> None:
        self.numbers |= {
            "http_requests_inflight /a": 2,
            "http_requests_inflight /b": 0,
            "http_requests_inflight /c": 5,
            "connections": 9,
        }
        self.clock.advance(SAMPLE_SECONDS)
        downloads = self.overview().downloads
        self.assertEqual(downloads.by_route, (("/c", 5), ("/a", 2)))
        self.assertEqual((downloads.connections, downloads.most), (9, 7))

    def test_others(self) -> None:
        found = self.overview()
        self.assertEqual((found.workers, found.most_workers), (2, 3))
        self.assertEqual((found.configurations, found.disk, found.cache), (None,) * 3)
        self.numbers |= {
            "configuration_requests_total true": 5,
            "configuration_requests_total false": 1,
            "configuration_cache_up": 0,
            "disk_free_bytes DATA_DIR": 10,
            "disk_size_bytes DATA_DIR": 20,
        }
        self.clock.advance(SAMPLE_SECONDS)
        found = self.overview()
        self.assertEqual(found.configurations, Configurations(6, 5, False))
        self.assertEqual(found.disk, Disk(10, 20))

    def test_cache(self) -> None:
        """What images that are fetched on demand take, and no others."""
        file = SimpleNamespace(
            bytes_here=300, hits=2, misses=1, fetching=SimpleNamespace(trouble=None)
        )
        image = self.images.images[0]
        image.on_demand = file  # type: ignore[assignment]
        self.images.images[1].bytes = 5_000
        found = self.overview()
        self.assertEqual(found.cache, Cache(300, None))
        self.assertEqual(found.images[0].on_demand, OnDemandView(2, 1, None))

    def test_failure(self) -> None:
        """It is looked again."""
        self.trouble = RuntimeError("nobody counts")
        self.clock.advance(SAMPLE_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.trouble = None
        self.numbers["connections"] = 1
        self.clock.advance(SAMPLE_SECONDS)
        self.assertEqual(self.overview().downloads.connections, 1)

    def test_ends(self) -> None:
        self.watch.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NumbersTests(SynchronousTestCase):
    def test_of_the_real_metrics(self) -> None:
        """They are called as they are looked for here."""
        slots = OwnSlots(1)
        metrics = Metrics(slots, Images({}), Connections(1))  # type: ignore[arg-type]
        metrics.watch_cache(lambda: True)
        metrics.request_started("/a")
        metrics.configuration_requested(True)
        found = metrics.numbers(metrics.collect())
        for name in (
            "sent_bytes_total",
            "http_requests_inflight /a",
            "connections",
            "configuration_requests_total true",
            "configuration_cache_up",
        ):
            self.assertIn(name, found)
