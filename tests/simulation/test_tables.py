"""How figures are shown; and docs/explanation/scaling.md has what the command prints."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.simulation.measured import MEASURED
from tests.simulation.tables import (
    INSTALLATIONS,
    WAYS,
    described,
    fetching,
    head,
    rows,
    sharing,
    shown_bytes,
    shown_count,
    shown_time,
)

_PAGE = ROOT / "docs/explanation/scaling.md"
_QUICK = ("minimal ISO, HTTP boot, CDN", "full ISO, HTTP boot")
"""Of a million hosts only these are booted here: it takes a few seconds."""


class ShownTests(SynchronousTestCase):
    """Units."""

    def test_times(self) -> None:
        for seconds, text in (
            (0, "0 ms"),
            (0.0123, "12.3 ms"),
            (1, "1.00 s"),
            (119, "119 s"),
            (120, "2.00 min"),
            (7200, "2.00 h"),
            (172800, "2.00 d"),
        ):
            self.assertEqual(shown_time(seconds), text)

    def test_bytes(self) -> None:
        for count, text in ((0, "0"), (1.5e6, "1.50 MB"), (1e9, "1.00 GB"), (2e15, "2.00 PB")):
            self.assertEqual(shown_bytes(count), text)

    def test_counts(self) -> None:
        self.assertEqual(shown_count(1234567), "1 234 567")


class PageTests(SynchronousTestCase):
    """The tables of the page are those of the command."""

    def setUp(self) -> None:
        self.page = _PAGE.read_text("utf-8")

    def _assert_on_page(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.assertIn(f"\n{line}", self.page)

    def test_hosts(self) -> None:
        for hosts, installation in INSTALLATIONS.items():
            ways = WAYS if hosts <= 10_000 else {title: WAYS[title] for title in _QUICK}
            self._assert_on_page([described(installation), head()])
            self._assert_on_page(rows(installation, ways, MEASURED))

    def test_fetching(self) -> None:
        self._assert_on_page(fetching(MEASURED))

    def test_sharing(self) -> None:
        # A line has a cell for each size, of which the last takes long.
        sizes = {hosts: each for hosts, each in INSTALLATIONS.items() if hosts <= 10_000}
        self._assert_on_page(
            line.removesuffix(" |\n") for line in list(sharing(sizes, MEASURED))[2:]
        )
