"""How fast numbers grow, from what they were every few seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from itertools import pairwise

SAMPLE_SECONDS = 5.0
"""Between two samples."""

SAMPLES = 121
"""So many are kept: ten minutes."""

_RECENTLY = 4
"""Samples over which it is said how fast something is now."""


class Samples:
    """What some numbers were, by their names, every L{SAMPLE_SECONDS}."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Mapping[Hashable, float]]] = deque(maxlen=SAMPLES)

    def add(self, at: float, numbers: Mapping[Hashable, float]) -> None:
        """
        Note what they are.

        @param at: seconds, by a clock that nobody sets.
        """
        self._samples.append((at, dict(numbers)))

    def rate(self, name: Hashable) -> float | None:
        """
        How fast a number has grown of late, a second; C{None}: nobody can know yet.  It never
        shrinks: where it did, something began anew.
        """
        newest = [*self._samples][-1 - _RECENTLY :]
        points = [(at, numbers[name]) for at, numbers in newest if name in numbers]
        while len(points) > 1 and points[0][1] > points[-1][1]:
            points.pop(0)
        if len(points) < 2:
            return None
        (first_at, first), (last_at, last) = points[0], points[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None

    def rates(self, name: Hashable) -> tuple[float, ...]:
        """How fast a number grew between each two samples, the oldest first."""
        samples = [*self._samples]
        return tuple(
            max(0.0, after.get(name, 0.0) - before.get(name, 0.0)) / max(to - since, 1e-9)
            for (since, before), (to, after) in pairwise(samples)
        )
