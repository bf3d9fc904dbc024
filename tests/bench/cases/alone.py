"""What a case is that nginx has no equal for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tests.bench.ground import Ground
from tests.bench.rows import Row


class Case(Protocol):
    """It starts the services that it needs."""

    @property
    def title(self) -> str:
        """What is done."""

    def run(self, ground: Ground) -> Sequence[Row]:
        """
        Do it, as often as the scale has it.

        @raise BenchError: it did not work.
        """


def listener(*, tls: bool) -> str:
    """Which listener it is, in a title."""
    return "TLS 1.3" if tls else "plain"
