"""The room that the blocks of all images have together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from assisted_images.on_demand.block_file import ABSENT, GOING, BlockFile
from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.eviction import least_recently_used
from assisted_images.on_demand.held_blocks import HeldBlocks
from httpd.concurrency.threads import RunInThread, to_its_end

_T = TypeVar("_T")

_LOOK_SECONDS = 0.05
"""How often is looked whether there is room, where all blocks are on their way to clients."""

_SHARE = 32
"""One in so many blocks is room to spare: to make it takes a write that has to reach the disk."""

_MOST_PINNED = 128
"""
Blocks that are kept at a time for one client.

With 32 a fast stream took a quarter more CPU than one of a whole image: at the end of each run its
socket goes back and forth between the reactor and a thread.
"""


class BlockCache:
    """
    Takes away the least recently used blocks of all images where there are too many; never one
    that is on its way to a client.

    Other processes do the same with the same files.  So there are never more bytes than the limit,
    and a block for each that is being fetched.

    @ivar limit: blocks; C{None}: as many as the disk takes.
    """

    def __init__(
        self, most_bytes: int | None, clock: IReactorTime, run_in_thread: RunInThread
    ) -> None:
        self.limit = None if most_bytes is None else max(most_bytes // BLOCK, 1)
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._images: list[HeldBlocks] = []
        self._coming = 0
        self._spare = (self.limit or 0) // _SHARE
        self._turn = DeferredLock()

    @property
    def most_pinned(self) -> int:
        """Blocks in a run that may be kept for one client: others need room, too."""
        limit = self.limit
        return _MOST_PINNED if limit is None else max(1, min(limit // 64, _MOST_PINNED))

    def add(self, image: HeldBlocks) -> None:
        """The blocks of C{image} share the room, from now on."""
        self._images.append(image)

    def remove(self, image: HeldBlocks) -> None:
        """Those of C{image} do so no more; harmless where they did not."""
        if image in self._images:
            self._images.remove(image)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Within, one more block is being fetched."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    async def make_room(self) -> None:
        """
        See to it that there is room for those that are L{coming}.

        It waits for as long as all others are on their way to clients.
        """
        if self.limit is None:
            return
        while self._excess() > 0:
            if not await to_its_end(self._evict_in_turn()):
                if self._count() <= self.limit:
                    return  # it is one that is being fetched that will be too many
                await deferLater(self._clock, _LOOK_SECONDS)
        if self._excess() > -self._spare and not self._turn.locked:
            # So that nobody has to wait for it.  What fails, fails again for who has to.
            self._evict_in_turn().addErrback(lambda _: None)

    def _evict_in_turn(self) -> Deferred[bool]:
        """Have some room to spare; fires with whether there may be room by now."""

        async def evict() -> bool:
            async with self._turn:
                wanted = self._excess() + self._spare
                return wanted <= 0 or await self.evict(wanted) > 0

        return Deferred.fromCoroutine(evict())

    async def evict(self, wanted: int) -> int:
        """
        Take away the least recently used blocks.

        @param wanted: how many.
        @return: how many there were that could be taken.
        @raise OSError: the disk is broken.
        """
        images = [(held, held.file.states(0, held.file.count)) for held in self._images]
        free = ((held, _without_pinned(held, states)) for held, states in images)
        candidates = ((held, states, held.file.uses()) for held, states in free)
        taken: dict[BlockFile, list[int]] = {}
        held_blocks = ExitStack()
        for held, block in least_recently_used(candidates, wanted):
            if held_blocks.enter_context(held.change(block)) and held.is_here(block):
                held.file.mark(block, block + 1, GOING)
                held.evicted += 1
                taken.setdefault(held.file, []).append(block)
        punched = self._run_in_thread(_punch, taken)
        # They are held until that is done, whoever still waits for it.
        await to_its_end(punched.addBoth(_after, held_blocks.close))
        return sum(map(len, taken.values()))

    def _excess(self) -> int:
        """Blocks that are too many, or negative."""
        assert self.limit is not None
        return self._count() + self._coming - self.limit

    def _count(self) -> int:
        return sum(held.file.taking_room() for held in self._images)


def _without_pinned(held: HeldBlocks, states: bytes) -> bytes:
    return bytes(
        state if state and not held.is_pinned(block) else ABSENT
        for block, state in enumerate(states)
    )


def _after(result: _T, then: Callable[[], None]) -> _T:
    then()
    return result


def _punch(taken: dict[BlockFile, list[int]]) -> None:
    """What a thread does: that they are going reaches the disk before they go."""
    for file, blocks in taken.items():
        file.sync()
        file.punch((block, block + 1) for block in blocks)
