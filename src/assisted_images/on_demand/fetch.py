"""One block on its way from an origin, and whom it is for."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from assisted_images.on_demand.held_blocks import OwnThread
from assisted_images.on_demand.origin_queue import Turn


class BlockUnavailable(OSError):
    """A block cannot be had; the text says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EIO, reason)

    def __str__(self) -> str:
        return str(self.strerror)


class Ahead:
    """Some blocks that a client will want that reads on: wanted as long as this is referred to."""

    __slots__ = ("_forgo", "_thread")

    def __init__(self, thread: OwnThread, forgo: Callable[[], None]) -> None:
        self._thread = thread
        self._forgo = forgo

    def __del__(self) -> None:
        self._thread.call(self._forgo)


@dataclass(slots=True, eq=False)
class Fetch:
    """A block that is to be here."""

    since: float
    """When somebody wanted it first."""
    turn: Turn | None = None
    waiting: list[Deferred[None]] = field(default_factory=list)
    wanted_ahead: int = 0
    """By how many clients that read on."""
    background: list[Deferred[None]] = field(default_factory=list)
    """Those that wait for it although no client does."""
    running: Deferred[None] | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether there is still anybody whom it is for."""
        return bool(self.waiting) or self.wanted_ahead > 0 or bool(self.background)
