"""What is drawn of what there is."""

from __future__ import annotations

import html as escapes
import re

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.pages.front import parts_of
from assisted_images.pages.overview import Configurations, OnDemandView, Overview
from assisted_images.store.states import ImageState
from tests.assisted_images.pages import overviews
from tests.httpd.pages.texts import html


class DrawingTests(SynchronousTestCase):
    def shown(self, overview: Overview, name: str) -> str:
        """What can be read in a part."""
        text = re.sub(r"<[^>]*>", "", html(self, parts_of(overview)[name].drawn()))
        return escapes.unescape(text)

    def image(self, **changes: object) -> str:
        view = msgspec.structs.replace(overviews.downloading(), **changes)
        return self.shown(overviews.overview(view), "image-0")

    def test_summary(self) -> None:
        ready, failed = overviews.image("4.18.1"), overviews.failed()
        for images, said in (
            ((), "No image None is configured: OS_IMAGES says which."),
            ((ready,), "Ready The image is ready."),
            ((ready, ready), "Ready All 2 images are ready."),
            ((ready, failed), "1 failed 1 of 2 images are ready. 4.17.3 arm64"),
            ((overviews.downloading(),), "Preparing 0 of 1 image is ready."),
        ):
            self.assertEqual(self.shown(overviews.overview(*images), "summary"), said)

    def test_way_to_what_has_failed(self) -> None:
        many = overviews.overview(overviews.image("4.18.1"), *[overviews.failed()] * 9)
        text = html(self, parts_of(many)["summary"].drawn())
        self.assertIn('<a href="#image-1">4.17.3 arm64</a>', text)
        self.assertEqual(text.count("<a "), 5)

    def test_downloading(self) -> None:
        self.assertIn("520 MiB of 1.18 GiB · 86.0 MiB/s · 8 s left", self.image())
        self.assertIn("520 MiB of 1.18 GiB", self.image(rate=None))
        self.assertNotIn("left", self.image(rate=None))
        self.assertIn("520 MiB", self.image(total=None))
        self.assertNotIn("left", self.image(total=None))

    def test_reason(self) -> None:
        """It may be anything."""
        self.assertIn("No <space> left", self.image(reason="no <space> left"))
        self.assertIn("https://a answered 503", self.image(reason="https://a answered 503"))

    def test_on_demand(self) -> None:
        ready = {"state": ImageState.READY, "rate": None}
        shown = self.image(**ready, on_demand=OnDemandView(75, 25, None))
        self.assertIn("75 % of reads from the disk", shown)
        shown = self.image(**ready, on_demand=OnDemandView(0, 0, "the origin is gone"))
        self.assertIn("The origin is gone", shown)
        self.assertNotIn("reads", shown)

    def test_activity(self) -> None:
        shown = self.shown(overviews.READY, "activity")
        for said in (
            "2.81 GiB/s",
            "212of 400 slots",
            "4serving",
            "317 MiBof 40.0 GiB",
            "99 % out of",
        ):
            self.assertIn(said, shown)
        failing = self.shown(overviews.failing(), "activity")
        self.assertIn("3of 4 serving", failing)
        away = overviews.overview(configurations=Configurations(0, 0, False))
        self.assertIn("the replicas' cache does not answer", self.shown(away, "activity"))

    def test_parts_compare(self) -> None:
        """What has not changed is not drawn again."""
        before, after = parts_of(overviews.READY), parts_of(overviews.READY)
        self.assertEqual(before, after)
        other = msgspec.structs.replace(overviews.READY, workers=3)
        changed = {name for name, part in parts_of(other).items() if before[name] != part}
        self.assertEqual(changed, {"activity"})
