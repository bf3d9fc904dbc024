"""Reading what make bench has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.figures import Series
from tests.bench.report import as_json
from tests.bench.rows import Row
from tests.bench.scale import GIB
from tests.simulation.measured import MEASURED, Costs, read_costs
from tests.simulation.scenario import Image


def _row(case: str, figure: str, *values: float) -> Row:
    return Row(case=case, figure=figure, ours=Series.of(values))


_ROWS = (
    _row("64 KiB ranges, plain, 16 clients", "requests", 4000, 5000, 9000),
    _row("64 KiB ranges, TLS 1.3, 16 clients", "requests", 2500),
    _row("full ISO, plain, 16 streams", "wall", 7),
    _row("full ISO, plain, 16 streams", "CPU", 0.1),
    _row("full ISO, TLS 1.3, 16 streams", "CPU", 0.5),
    _row("time to first byte, full ISO", "p50 beyond AS's own", 1),
    _row("time to first byte, minimal ISO", "p50 beyond AS's own", 2),
    Row(case="workers 1 → 2, TLS 1.3, 16 streams", figure="", note="no time left"),
)


class MeasuredTests(SynchronousTestCase):
    """Costs out of reports."""

    def _written(self, content: Any) -> Path:
        path = Path(self.mktemp())
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def _refused(self, path: Path) -> str:
        error = self.assertRaises(ValueError, read_costs, path, tls=False, image=Image.FULL)
        return str(error).replace(str(path), "REPORT")

    def test_a_report_of_the_benchmark(self) -> None:
        report = self._written(as_json(_ROWS, {}))
        self.assertEqual(
            read_costs(report, tls=False, image=Image.MINIMAL),
            Costs(range=1 / 5000, byte=0.1 / GIB, configuration=0.002),
        )
        self.assertEqual(
            read_costs(report, tls=True, image=Image.FULL),
            Costs(range=1 / 2500, byte=0.5 / GIB, configuration=0.001),
        )

    def test_the_checked_in_figures_are_whole(self) -> None:
        for tls in (False, True):
            for image in Image:
                read_costs(MEASURED, tls=tls, image=image)

    def test_a_row_that_is_not_there_or_was_not_measured(self) -> None:
        expected = (
            "REPORT has no figure for '64 KiB ranges, plain, 16 clients', 'requests';"
            " expected a full report"
        )
        for rows in (_ROWS[1:], (Row(case=_ROWS[0].case, figure="requests"), *_ROWS[1:])):
            self.assertEqual(self._refused(self._written(as_json(rows, {}))), expected)

    def test_what_is_no_report(self) -> None:
        contents: tuple[Any, ...] = ("", "no JSON", [], {"rows": [{}]}, {"rows": 7}, {})
        for content in contents:
            self.assertEqual(
                self._refused(self._written(content)),
                "REPORT is no report; expected results.json of make bench",
            )

    def test_a_file_that_is_not_there(self) -> None:
        self.assertEqual(self._refused(Path(self.mktemp())), "REPORT: No such file or directory")
