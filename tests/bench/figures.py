"""Statistics of a few repeated measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """
    What one figure was in each of several runs, in their order.

    @ivar values: at least one.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a series of nothing; expected at least one measurement")

    @classmethod
    def of(cls, values: Iterable[float]) -> Series:
        """The series of what is given."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle one; of an even number the mean of the middle two."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values)

    @property
    def spread(self) -> float:
        """Half of what lies between the least and the greatest, as a part of the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0

    def quantile(self, part: float) -> float:
        """
        The least value that is not exceeded by C{part} of them (nearest rank).

        @param part: above 0, up to 1; .99 gives p99.
        """
        rank = math.ceil(part * len(self.values))
        return sorted(self.values)[max(rank, 1) - 1]

    def over(self, other: Series) -> Series:
        """
        The quotients of what was measured in turn.  What changes slowly, such as other load on the
        machine, changes both of a pair and is not in their quotient.

        @raise ValueError: one has more values.
        """
        return Series.of(a / b for a, b in zip(self.values, other.values, strict=True))


def shown(value: float) -> str:
    """A number for people: three digits that count, and thousands apart."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")
