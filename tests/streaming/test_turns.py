"""Turns, by a play of rounds."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.streaming.turns import LONGEST, SHORTEST, Turns
from tests.properties import given

_ROUND = 16 << 20


class TurnsTests(SynchronousTestCase):
    """Connections that have turns one after the other."""

    @given(st.integers(1, 300), st.integers(2, 4))
    def test_rounds(self, connections: int, rounds: int) -> None:
        """A round is bounded; one that is alone has long turns, one of a crowd short ones."""
        turns = Turns()
        numbers = [0] * connections
        for _ in range(rounds):
            lengths = []
            for connection, number in enumerate(numbers):
                numbers[connection], length = turns.begin(number)
                lengths.append(length)
        self.assertEqual(set(lengths), {max(SHORTEST, min(LONGEST, _ROUND // connections))})

    def test_who_comes_seldom(self) -> None:
        """Those that have no turn take nothing from the others, and get little when they do."""
        turns = Turns()
        seldom, _ = turns.begin(0)
        often, _ = turns.begin(0)
        for _ in range(1000):
            often, length = turns.begin(often)
            self.assertEqual(length, LONGEST)
        _, length = turns.begin(seldom)
        self.assertEqual(length, SHORTEST)
