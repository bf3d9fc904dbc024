"""Whose turn it is to ask an origin for something."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum
from itertools import count

from twisted.internet.defer import Deferred


class Rank(IntEnum):
    """What goes first."""

    AWAITED = 0
    """A client waits for it."""

    AHEAD = 1
    """A client that reads on will."""

    BACKGROUND = 2
    """Nobody does, yet."""


class Turn:
    """
    One place in a queue.

    @ivar rank: how soon it is its turn; L{OriginQueue.promote} changes it.
    @ivar begun: whether its turn has come.
    """

    __slots__ = ("begin", "begun", "rank")

    def __init__(self, rank: Rank, begin: Callable[[], Deferred[None]]) -> None:
        self.rank: Rank | None = rank
        self.begin = begin
        self.begun = False


class OriginQueue:
    """
    Bounds the requests to one web origin, and has the most urgent of those that wait go first; of
    those alike, who came first.
    """

    def __init__(self, most: int) -> None:
        """
        @param most: requests at once.
        """
        self.most = most
        self._running = 0
        self._heap: list[tuple[int, int, Turn]] = []
        self._numbers = count()

    def enter(self, rank: Rank, begin: Callable[[], Deferred[None]]) -> Turn:
        """
        Wait for a turn, which may come at once.

        @param begin: called then; the turn ends when what it returns fires.
        """
        turn = Turn(rank, begin)
        self._push(turn, rank)
        self._go_on()
        return turn

    def promote(self, turn: Turn, rank: Rank) -> None:
        """Have a turn come sooner, if it has not begun."""
        if not turn.begun and turn.rank is not None and rank < turn.rank:
            turn.rank = rank
            self._push(turn, rank)

    def leave(self, turn: Turn) -> None:
        """Give up a turn that has not begun."""
        turn.rank = None

    def _push(self, turn: Turn, rank: Rank) -> None:
        heapq.heappush(self._heap, (rank, next(self._numbers), turn))

    def _go_on(self) -> None:
        while self._running < self.most and self._heap:
            rank, _, turn = heapq.heappop(self._heap)
            if turn.begun or turn.rank is not rank:
                continue  # it has left, or stands elsewhere by now
            turn.begun = True
            self._running += 1
            turn.begin().addBoth(self._over)

    def _over(self, _: object) -> None:
        self._running -= 1
        self._go_on()
