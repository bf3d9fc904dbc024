"""What the benchmark says of a figure."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.figures import Series
from tests.bench.plot import script
from tests.bench.report import as_json, table
from tests.bench.rows import (
    Row,
    Verdict,
    at_least,
    at_most,
    ratio_at_least,
    ratio_at_most,
)

_OURS, _NGINX = Series.of([2.0, 2.2, 2.1]), Series.of([2.0, 2.0, 2.0])
_LEVEL = Row(
    case="a stream", figure="wall", unit="s/GiB", ours=_OURS, nginx=_NGINX,
    goals=(ratio_at_most(1.05),), note="as it is",
)  # fmt: skip
_OUTPUT = Path("results.png")
_NOT_RUN = Row(case="two", figure="gain", goals=(at_least(1.7),))


class VerdictTests(SynchronousTestCase):
    def verdict(self, *values: float, nginx: float = 2.0, **row: object) -> Verdict:
        theirs = Series.of(nginx for _ in values)
        return Row(
            case="", figure="", ours=Series.of(values), nginx=theirs, **row  # type: ignore[arg-type]
        ).verdict  # fmt: skip

    def test_median_counts(self) -> None:
        """A goal is reached or missed by the median of all pairs."""
        self.assertIs(self.verdict(2.1, 2.1, 9, goals=(ratio_at_most(1.05),)), Verdict.REACHED)
        self.assertIs(self.verdict(2.0, 2.11, 9, goals=(ratio_at_most(1.05),)), Verdict.MISSED)

    def test_directions(self) -> None:
        """There are figures to be high, and figures to be low."""
        self.assertIs(self.verdict(0.5, goals=(ratio_at_least(0.25),)), Verdict.REACHED)
        self.assertIs(self.verdict(0.4, goals=(ratio_at_least(0.25),)), Verdict.MISSED)
        self.assertIs(self.verdict(3, goals=(at_most(3),)), Verdict.REACHED)
        self.assertIs(self.verdict(3, goals=(at_least(3.1),)), Verdict.MISSED)

    def test_every_goal_counts(self) -> None:
        """One goal missed is the row missed."""
        goals = (ratio_at_least(0.25), at_least(2500))
        self.assertIs(self.verdict(2600, nginx=9000, goals=goals), Verdict.REACHED)
        self.assertIs(self.verdict(2600, nginx=19000, goals=goals), Verdict.MISSED)
        self.assertIs(self.verdict(2400, nginx=9000, goals=goals), Verdict.MISSED)

    def test_no_goal(self) -> None:
        """What is shown for information is neither."""
        self.assertIs(self.verdict(1), Verdict.NO_GOAL)

    def test_no_measurement(self) -> None:
        """What was not measured is never reached."""
        self.assertIs(Row(case="", figure="").verdict, Verdict.NOT_RUN)

    def test_relative_goal_without_nginx(self) -> None:
        """Without anything to compare with a comparison's goal is not reached."""
        row = Row(case="", figure="", ours=Series.of([1]), goals=(ratio_at_most(2),))
        self.assertIs(row.verdict, Verdict.MISSED)

    def test_share(self) -> None:
        """A goal is used up to 1, in whatever direction it is."""
        self.assertAlmostEqual(at_most(50).share(25), 0.5)
        self.assertAlmostEqual(at_least(50).share(25), 2)


class TableTests(SynchronousTestCase):
    def test_columns(self) -> None:
        """The table is Markdown, with medians, spread, ratio, goal and verdict."""
        head, rule, first, second = table([_LEVEL, _NOT_RUN]).splitlines()
        self.assertEqual({len(head), len(rule), len(second)}, {len(first)})
        cells = [cell.strip() for cell in first.strip("|").split("|")]
        self.assertEqual(
            cells,
            [
                "a stream", "wall (s/GiB)", "2.00 ± 0%", "2.10 ± 5%", "1.05 ± 5%",
                "≤ 1.05 of nginx's", "reached", "as it is",
            ],
        )  # fmt: skip
        self.assertIn("not run", second)

    def test_json(self) -> None:
        """The JSON has every single measurement."""
        text = json.dumps(as_json([_LEVEL, _NOT_RUN], {"cpus": 2}))
        results = json.loads(text)
        level, not_run = results["rows"]
        self.assertEqual(results["machine"], {"cpus": 2})
        self.assertEqual(level["ours"]["values"], [2.0, 2.2, 2.1])
        self.assertAlmostEqual(level["ratio"]["median"], 1.05)
        self.assertEqual((not_run["ours"], not_run["verdict"]), (None, "not run"))


class PlotTests(SynchronousTestCase):
    def test_bars(self) -> None:
        """Each goal of which there is a measurement has a bar; quotes cannot end a text."""
        text = script([_LEVEL, _NOT_RUN], {"cpu": 'a "fast" one'}, _OUTPUT)
        self.assertEqual(text.count("a stream: wall"), 1)
        self.assertNotIn("gain", text)
        self.assertIn("a 'fast' one", text)

    def test_below_zero(self) -> None:
        """A difference below zero has a place, although the scale is logarithmic."""
        row = Row(case="copy", figure="beyond", ours=Series.of([-0.1]), goals=(at_most(3),))
        self.assertIn("0 0.001 0.001 0.001", script([row], {}, _OUTPUT))
