"""A row of the benchmark's table: what was measured, and what it should have been."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.bench.figures import Series, shown


@dataclass(frozen=True, slots=True)
class Goal:
    """
    What a figure has to reach.

    @ivar bound: the least or the most that is good enough.
    @ivar relative: whether it is about the ratio ours/nginx.
    """

    bound: float
    at_most: bool
    relative: bool = False

    def holds(self, value: float) -> bool:
        """Whether that is good enough."""
        return value <= self.bound if self.at_most else value >= self.bound

    def share(self, value: float) -> float:
        """How much of what is allowed is used: up to 1 is good, whatever direction is good."""
        return value / self.bound if self.at_most else self.bound / value

    def unit(self, unit: str) -> str:
        """What its bound is counted in, for a figure in C{unit}."""
        return "of nginx's" if self.relative else unit

    def text(self, unit: str) -> str:
        """It in the words of the table."""
        return f"{'≤' if self.at_most else '≥'} {shown(self.bound)} {self.unit(unit)}".strip()


def ratio_at_most(bound: float) -> Goal:
    """At most so many times what nginx has."""
    return Goal(bound, at_most=True, relative=True)


def ratio_at_least(bound: float) -> Goal:
    """At least so many times what nginx has."""
    return Goal(bound, at_most=False, relative=True)


def at_most(bound: float) -> Goal:
    """No more than that, in the row's unit."""
    return Goal(bound, at_most=True)


def at_least(bound: float) -> Goal:
    """No less than that, in the row's unit."""
    return Goal(bound, at_most=False)


class Verdict(StrEnum):
    """What came of a row."""

    REACHED = "reached"
    MISSED = "MISSED"
    NO_GOAL = "-"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One figure of one case.

    @ivar ours: C{None}: there is nothing to show, and C{note} says why.
    @ivar nginx: its runs, each beside the one of C{ours} at the same place.
    @ivar note: what else there is to know, in a few words.
    """

    case: str
    figure: str
    unit: str = ""
    ours: Series | None = None
    nginx: Series | None = None
    goals: tuple[Goal, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> Series | None:
        """Ours/nginx, pair by pair."""
        return None if self.ours is None or self.nginx is None else self.ours.over(self.nginx)

    def about(self, goal: Goal) -> Series | None:
        """What of this row a goal is about."""
        return self.ratio if goal.relative else self.ours

    @property
    def verdict(self) -> Verdict:
        """Whether the medians are as they should be."""
        if self.ours is None:
            return Verdict.NOT_RUN
        if not self.goals:
            return Verdict.NO_GOAL
        subjects = [(goal, self.about(goal)) for goal in self.goals]
        reached = all(series is not None and goal.holds(series.median) for goal, series in subjects)
        return Verdict.REACHED if reached else Verdict.MISSED
