"""An image at its origin as a source of segments: what is here, and the rest when it has come."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred

from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.fetch import Ahead
from assisted_images.on_demand.fetching import Fetching
from assisted_images.on_demand.held_blocks import HeldBlocks, Pin
from assisted_images.on_demand.origin import Facts
from httpd.concurrency.threads import RunInThread
from httpd.streaming.disk import DiskFile, FileRegion, RegionSource

_MOST_READERS = 1024
"""Places that clients are expected to read on from."""

_MOST_BYTES = 256 * 1024
"""Bytes read at a time."""

_FIRST_AHEAD = 1
"""Blocks ahead of a client that has begun to read more than one; twice as many as it reads on."""


@dataclass(frozen=True, slots=True)
class PinnedRegion(FileRegion):
    """
    A region of blocks that stay where they are as long as it is referred to; with what is being
    read ahead for whom it is sent to.
    """

    pin: Pin
    ahead: Ahead | None


class OnDemandFile(RegionSource):
    """
    A L{Source<httpd.representation.segments.Source>}.

    @ivar facts: what it is at its origin.
    @ivar hits: runs of blocks that were here when somebody asked for them.
    @ivar misses: times that somebody had to wait for a block.
    """

    def __init__(
        self,
        name: str,
        facts: Facts,
        held: HeldBlocks,
        fetching: Fetching,
        most_pinned: int,
        read_in_thread: RunInThread,
    ) -> None:
        """
        @param name: the image's, which with C{facts} names its content on every replica.
        @param most_pinned: blocks that are kept at a time for one client.
        """
        self.facts = facts
        self.identity = f"{name} {facts.size} {facts.validator}"
        self.size = facts.size
        self.last_modified = facts.last_modified
        self.held = held
        self.fetching = fetching
        self.hits = 0
        self.misses = 0
        self._most_pinned = most_pinned
        self._file = DiskFile(held.file.path, read_in_thread)
        self._readers: dict[int, tuple[int, int]] = {}

    @property
    def bytes_here(self) -> int:
        """Bytes that are here; the last block counts as a whole one."""
        states = self.held.file.states(0, self.held.file.count)
        return min((len(states) - states.count(0)) * BLOCK, self.size)

    def close(self, reason: str) -> None:
        """
        Have it end for all who read it.

        @param reason: why, for those that wait.
        """
        self.fetching.close(reason)
        self._file.withdraw()

    def region(self, offset: int, length: int) -> FileRegion | None:
        """See L{RegionSource.region}; as long as it is referred to, its blocks stay."""
        region = self._pinned(offset, length, self._window(offset, length))
        if region is not None:
            self.hits += 1
        return region

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        """
        See L{Source.read<httpd.representation.segments.Source.read>}.

        @raise EOFError: there is no such byte.
        @raise OSError: it cannot be had; comes out of the Deferred, as the former.
        """
        if not 0 <= offset < self.size:
            raise EOFError(f"there is no byte {offset} in {self.size}")
        return Deferred.fromCoroutine(self._read(offset, length))

    def release(self) -> None:
        """What was read ahead is given up with the region or the waiting that it was for."""

    async def _read(self, offset: int, length: int) -> bytes:
        window = self._window(offset, length)
        length = min(length, _MOST_BYTES)
        region = self._pinned(offset, length, window)
        if region is None:
            self.misses += 1
            region = await self._arrived(offset, length, window)
        else:
            self.hits += 1
        content = self._file.read(offset, len(region))
        return content if isinstance(content, bytes) else await content

    async def _arrived(self, offset: int, length: int, window: int) -> PinnedRegion:
        """What was not here, when it is."""
        block = offset // BLOCK
        waiting = self.fetching.wait(block)  # before what is read ahead
        ahead = self._read_ahead(block + 1, window)
        await waiting
        while (region := self._pinned(offset, length, window)) is None:
            await self.fetching.wait(block)
        del ahead
        return region

    def _pinned(self, offset: int, length: int, window: int) -> PinnedRegion | None:
        """What is here of these bytes, up to the first block that is not."""
        first = offset // BLOCK
        most = min((offset + length - 1) // BLOCK - first + 1, self._most_pinned)
        pin = self.held.pin(first, most)
        if pin is None:
            return None
        length = min(length, pin.stop * BLOCK - offset)
        self._expect(offset + length, window, first)
        ahead = self._read_ahead(pin.stop, window)
        return PinnedRegion(self._file, offset, length, pin, ahead)

    def _window(self, offset: int, length: int) -> int:
        """How many blocks are read ahead of who reads here: ever more of who reads on."""
        reader = self._readers.get(offset)
        if reader is None:
            return 0 if length <= BLOCK else _FIRST_AHEAD
        window, block = reader
        if block == offset // BLOCK:
            return window
        return min(max(2 * window, _FIRST_AHEAD), self.fetching.most_ahead)

    def _expect(self, offset: int, window: int, block: int) -> None:
        """Know again who reads on from C{offset}, and has read from C{block} until there."""
        readers = self._readers
        readers[offset] = window, block
        if len(readers) > _MOST_READERS:
            del readers[next(iter(readers))]

    def _read_ahead(self, first: int, window: int) -> Ahead | None:
        return self.fetching.read_ahead(first, first + window) if window else None
