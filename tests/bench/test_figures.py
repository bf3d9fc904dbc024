"""The statistics of the benchmark's table."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.bench.figures import Series, shown
from tests.properties import given

_numbers = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30)


class SeriesTests(SynchronousTestCase):
    def test_of_nothing(self) -> None:
        """There is no median of nothing."""
        self.assertRaises(ValueError, Series.of, [])

    def test_median_and_spread(self) -> None:
        """The spread is what one side of the median has on average, as a part of it."""
        series = Series.of([9.0, 10.0, 12.0])
        self.assertEqual((series.median, series.low, series.high), (10, 9, 12))
        self.assertAlmostEqual(series.spread, 0.15)

    def test_median_of_zero(self) -> None:
        """Of nothing there is no part."""
        self.assertEqual(Series.of([-1.0, 0.0, 1.0]).spread, 0)

    def test_p99(self) -> None:
        """Of 100 values p99 is the last but one, p50 the 50th."""
        series = Series.of(float(value) for value in reversed(range(1, 101)))
        self.assertEqual((series.quantile(0.99), series.quantile(0.5)), (99, 50))

    @given(_numbers, st.floats(0.01, 1))
    def test_quantile(self, values: list[float], part: float) -> None:
        """At least so many are no greater, and with the next smaller value they were too few."""
        quantile = Series.of(values).quantile(part)
        needed = part * len(values)
        self.assertIn(quantile, values)
        self.assertGreaterEqual(sum(value <= quantile for value in values), needed)
        self.assertLess(sum(value < quantile for value in values), needed)

    def test_over(self) -> None:
        """Each is divided by its partner: what slows both of a pair down is not seen."""
        ratio = Series.of([2.0, 4.0, 40.0]).over(Series.of([1.0, 2.0, 20.0]))
        self.assertEqual(ratio.values, (2, 2, 2))

    def test_over_another_number(self) -> None:
        """What has no partner is a mistake."""
        self.assertRaises(ValueError, Series.of([1.0, 2.0]).over, Series.of([1.0]))


class ShownTests(SynchronousTestCase):
    def test_digits(self) -> None:
        """Three digits count, unless there are more before the point."""
        values = (0, 0.01234, 0.98765, 1, 23.456, 1023.4, 1234567.8, -2.5)
        texts = ["0", "0.0123", "0.988", "1.00", "23.5", "1 023", "1 234 568", "-2.50"]
        self.assertEqual([shown(value) for value in values], texts)
