"""How much a connection sends before it is the next one's turn."""

from __future__ import annotations

SHORTEST = 128 * 1024
"""
Bytes: of a connection that has not had a turn for long, one of a crowd for instance, and of one
that has just asked for something.
"""

LONGEST = 2 * 1024 * 1024
"""Bytes: of one that is alone; more gains nothing."""

_ROUND = 16 * 1024 * 1024
"""Bytes that may go out until it is the same connection's turn again: 1 to 2 ms."""


class Turns:
    """
    The turns of the connections that share a reactor.

    All connections that can send have one turn each, round after round, and whatever else the
    reactor has to do, C{/live} for instance, waits for a round at most.  So a turn is the longer,
    the fewer connections there are; those whose clients take nothing have no turn, and do not
    count.
    """

    def __init__(self) -> None:
        self._begun = 0

    def begin(self, last: int) -> tuple[int, int]:
        """
        Begin a connection's turn.

        @param last: the number of its last one; 0: it had none.
        @return: its number, and how many bytes may be sent.
        """
        self._begun += 1
        return self._begun, max(SHORTEST, min(LONGEST, _ROUND // (self._begun - last)))
