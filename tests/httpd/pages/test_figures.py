"""Figures, rates and plots."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.template import Tag

from httpd.pages import figures
from httpd.pages.plot import plot
from httpd.pages.rates import SAMPLE_SECONDS, SAMPLES, Samples
from tests.httpd.pages.texts import html


class FigureTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        for count, text in (
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "0.98 KiB"),
            (1024, "1.00 KiB"),
            (10.2 * 1024, "10.2 KiB"),
            (9.999 * 1024, "10.0 KiB"),
            (99.96 * 1024, "100 KiB"),
            (1.25 * 1024**3, "1.25 GiB"),
            (1024**6, "1024 PiB"),
        ):
            self.assertEqual(figures.size(count), text)
        self.assertEqual(figures.rate(1024**2), "1.00 MiB/s")

    def test_spans(self) -> None:
        for seconds, text in (
            (-1, "0 s"),
            (59.4, "59 s"),
            (59.6, "1 min 0 s"),
            (200, "3 min 20 s"),
            (1000, "17 min"),
            (3599, "60 min"),
            (3660, "1 h 1 min"),
            (86400 * 3, "3 days"),
        ):
            self.assertEqual(figures.span(seconds), text)

    def test_counts(self) -> None:
        self.assertEqual(figures.count(1234567), "1\u202f234\u202f567")
        self.assertEqual(figures.plural(1, "image"), "1 image")
        self.assertEqual(figures.plural(0, "image"), "0 images")
        self.assertEqual(figures.plural(2, "copy", "copies"), "2 copies")

    def test_progress(self) -> None:
        self.assertIn('value="25.0">25 %<', html(self, figures.progress(1, 4, "it")))
        self.assertNotIn("value", html(self, figures.progress(1, None, "it")))
        self.assertIn('value="100.0"', html(self, figures.progress(5, 4, "it")))

    def test_times_past(self) -> None:
        self.assertEqual(
            html(self, figures.date(3661)),
            '<time datetime="1970-01-01T01:01:01Z">1970-01-01 01:01 UTC</time>',
        )
        self.assertIn('data-since="3661">1970-01-01 01:01 UTC<', html(self, figures.ago(3661)))

    def test_moment(self) -> None:
        text = html(self, figures.moment(3601))
        self.assertIn('datetime="1970-01-01T01:00:01Z"', text)
        self.assertIn('data-until="3601"', text)
        self.assertIn("at 01:00:01 UTC", text)


class RateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.samples = Samples()

    def add(self, *numbers: float) -> None:
        for position, number in enumerate(numbers):
            self.samples.add(position * SAMPLE_SECONDS, {"it": number})

    def test_nothing_is_known(self) -> None:
        self.assertIsNone(self.samples.rate("it"))
        self.add(5)
        self.assertIsNone(self.samples.rate("it"))
        self.assertEqual(self.samples.rates("it"), ())

    def test_of_late(self) -> None:
        """Over twenty seconds: not what was long ago."""
        self.add(0, 1000, 1000, 1000, 1000, 1100)
        self.assertEqual(self.samples.rate("it"), 100 / 20)
        self.assertEqual(self.samples.rates("it"), (200, 0, 0, 0, 20))

    def test_what_begins_anew(self) -> None:
        self.add(1000, 0, 50)
        self.assertEqual(self.samples.rate("it"), 10)
        self.assertEqual(self.samples.rates("it"), (0, 10))

    def test_ten_minutes(self) -> None:
        self.add(*range(1000))
        self.assertEqual(len(self.samples.rates("it")), SAMPLES - 1)


class PlotTests(SynchronousTestCase):
    def drawn(self, *values: float) -> Tag:
        return plot(values, "how much")

    def test_nothing_yet(self) -> None:
        for values in ((), (1.0,)):
            self.assertNotIn("polyline", html(self, self.drawn(*values)))

    def test_newest_is_at_the_right(self) -> None:
        text = html(self, self.drawn(0, 1, 0.5))
        self.assertIn('points="236.0,40.0 238.0,2.0 240.0,21.0"', text)
        self.assertIn('aria-label="how much"', text)

    def test_all_zero(self) -> None:
        self.assertIn("240.0,40.0", html(self, self.drawn(*[0.0] * 120)))
