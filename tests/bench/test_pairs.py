"""How two servers are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.bench.ground import Ground
from tests.bench.pairs import Figure, Sample, compare
from tests.bench.scale import QUICK
from tests.bench.servers import Server


@dataclass
class _Ground:
    scale: object = replace(QUICK, pairs=5)


@dataclass
class _Counted:
    """A case that gets slower each time."""

    asked: list[str] = field(default_factory=list)
    title: str = "counted"
    figures: Sequence[Figure] = (Figure("wall", "s", lambda sample: sample.wall),)
    done: Callable[[], object] = list

    def measure(self, server: Server, ground: Ground) -> Sample:
        self.asked.append(str(server))
        self.done()
        return Sample(1, float(len(self.asked)), 1.0)


class CompareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.case = _Counted()
        [self.row] = compare(
            self.case, cast(Any, "nginx"), cast(Any, "ours"), cast(Ground, _Ground())
        )

    def test_in_turn(self) -> None:
        """Nginx and ours take turns, after once each to get warm."""
        self.assertEqual(self.case.asked, ["nginx", "ours"] * 6)

    def test_more_of_what_takes_no_time(self) -> None:
        """As many pairs as fit into the time, and never fewer than there have to be."""
        for duration, pairs in ((0.25, 8), (10, 5)):
            clock = Clock()
            case = _Counted(done=partial(clock.advance, duration / 2))
            ground = _Ground(replace(QUICK, pairs=5, pairs_seconds=2))
            compare(
                case, cast(Any, "nginx"), cast(Any, "ours"), cast(Ground, ground), clock.seconds
            )
            self.assertEqual(len(case.asked), 2 + 2 * pairs)

    def test_first_does_not_count(self) -> None:
        """The runs that count are those after the first, each under its server."""
        assert self.row.nginx is not None
        assert self.row.ours is not None
        self.assertEqual(self.row.nginx.values, (3, 5, 7, 9, 11))
        self.assertEqual(self.row.ours.values, (4, 6, 8, 10, 12))

    def test_who_worked(self) -> None:
        """The row says how much of the time each server worked: who held up whom."""
        self.assertEqual(self.row.note, "CPU used: nginx 14%, ours 12%")
