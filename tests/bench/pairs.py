"""Comparing the service with nginx: the one place where both are measured in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.bench.figures import Series
from tests.bench.ground import Ground
from tests.bench.rows import Goal, Row
from tests.bench.servers import Server


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One measurement.

    @ivar work: what was done, in GiB or requests, as the case has it.
    @ivar wall: seconds that it took.
    @ivar cpu: seconds of CPU that the server used, the kernel's for it included.
    """

    work: float
    wall: float
    cpu: float

    @property
    def busy(self) -> float:
        """The part of the time in which the server worked; well below 1, others held it up."""
        return self.cpu / self.wall


@dataclass(frozen=True, slots=True)
class Figure:
    """What of the samples makes a row."""

    name: str
    unit: str
    of: Callable[[Sample], float]
    goals: tuple[Goal, ...] = ()


class Comparison(Protocol):
    """A case that nginx can do, too."""

    @property
    def title(self) -> str:
        """What is done."""

    @property
    def figures(self) -> Sequence[Figure]:
        """The rows that come of it."""

    def measure(self, server: Server, ground: Ground) -> Sample:
        """
        Do it once.

        @raise BenchError: it did not work.
        """


def compare(
    case: Comparison,
    nginx: Server,
    ours: Server,
    ground: Ground,
    seconds: Callable[[], float] = time.monotonic,
) -> list[Row]:
    """
    Run the case against both in turn, after once each that does not count.

    What takes no time is done the more often: chance weighs more in it.

    @raise BenchError: it did not work.
    """
    scale = ground.scale
    pairs: list[tuple[Sample, Sample]] = []
    for server in (nginx, ours):
        case.measure(server, ground)
    end = seconds() + scale.pairs_seconds
    while len(pairs) < scale.pairs or seconds() < end:
        pairs.append((case.measure(nginx, ground), case.measure(ours, ground)))
    theirs, own = zip(*pairs, strict=True)
    return [_row(case.title, figure, theirs, own) for figure in case.figures]


def _row(title: str, figure: Figure, theirs: Sequence[Sample], own: Sequence[Sample]) -> Row:
    busy = [Series.of(sample.busy for sample in samples).median for samples in (theirs, own)]
    return Row(
        case=title,
        figure=figure.name,
        unit=figure.unit,
        nginx=Series.of(map(figure.of, theirs)),
        ours=Series.of(map(figure.of, own)),
        goals=figure.goals,
        note=f"CPU used: nginx {busy[0]:.0%}, ours {busy[1]:.0%}",
    )
