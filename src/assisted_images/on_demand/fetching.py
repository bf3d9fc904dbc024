"""Bringing an image's blocks from its origin, each once, however many wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from assisted_images.downloads.room import NO_ROOM
from assisted_images.on_demand.block_file import WRITTEN
from assisted_images.on_demand.cache import BlockCache
from assisted_images.on_demand.fetch import Ahead, BlockUnavailable, Fetch
from assisted_images.on_demand.held_blocks import HeldBlocks, Pin
from assisted_images.on_demand.origin import Changed, Facts, HttpOrigin
from assisted_images.on_demand.origin_queue import OriginQueue, Rank
from httpd.concurrency.threads import RunInThread
from httpd.outbound.failures import DownloadError
from httpd.texts import os_error_text

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 5.0
"""Seconds until what failed is tried again; twice as many with each failure in a row."""

_SYNC_SECONDS = 1.0
"""After so long what has been written is made durable, all of it at once."""

_BUSY_SECONDS = 0.02
"""How often is looked at a block that another process is fetching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """
    What the blocks of all images are fetched with.

    @ivar patience: seconds for which a block that a client waits for is tried again.
    """

    cache: BlockCache
    clock: IReactorTime
    run_in_thread: RunInThread
    patience: float = 120.0


class Fetching:
    """
    The blocks of one image that are on their way from its origin.

    @ivar fetched: bytes that came from the origin.
    @ivar failed: how often a block did not, or could not be kept.
    @ivar trouble: why the origin cannot be had, the last time that it was asked; C{None}: it can.
    """

    _log = Logger()

    def __init__(
        self,
        held: HeldBlocks,
        source: tuple[HttpOrigin, Facts],
        queue: OriginQueue,
        means: Means,
        changed: Callable[[], None],
    ) -> None:
        """
        @param source: where the blocks are from, and what they are of.
        @param queue: of the requests to that origin.
        @param changed: called when the origin has another file.
        """
        self._held = held
        self._origin, self._facts = source
        self._queue = queue
        self._means = means
        self._changed = changed
        self._fetches: dict[int, Fetch] = {}
        self._unsynced: list[int] = []
        self._syncing: Deferred[None] | None = None
        self._closed: str | None = None
        self.fetched = self.failed = 0
        self.trouble: str | None = None

    @property
    def most_ahead(self) -> int:
        """Blocks ahead of a client that keep the origin busy."""
        return 2 * self._queue.most

    @property
    def waiting(self) -> int:
        """Clients that wait for a block."""
        return sum(len(fetch.waiting) for fetch in self._fetches.values())

    def wait(self, block: int) -> Deferred[None]:
        """
        Have a block be here.

        @return: fires when it is; or fails with L{BlockUnavailable}.  Whoever cancels it
            does not want it any more.
        """
        if self._closed is not None:
            return _failed(self._closed)
        fetch = self._fetches.get(block) or self._begin(block)
        waiting: Deferred[None] = Deferred(lambda _: self._leave(block, fetch, waiting))
        fetch.waiting.append(waiting)
        self._enter(block, fetch, Rank.AWAITED)
        return waiting

    def bring(self, block: int) -> Deferred[None]:
        """
        As L{wait}, but when there is nothing else to do, and without trying again.
        """
        if self._closed is not None:
            return _failed(self._closed)
        if self._held.is_here(block):
            return succeed(None)
        fetch = self._fetches.get(block) or self._begin(block)
        waiting: Deferred[None] = Deferred(lambda _: self._leave(block, fetch, waiting))
        fetch.background.append(waiting)
        self._enter(block, fetch, Rank.BACKGROUND)
        return waiting

    def read_ahead(self, first: int, stop: int) -> Ahead | None:
        """
        Have the blocks from C{first} up to, not including, C{stop} be here soon.

        @return: they are wanted for as long as that is referred to; C{None}: they are here.
        """
        missing = self._held.missing(first, stop)
        if not missing or self._closed is not None:
            return None
        fetches = {block: self._fetches.get(block) or self._begin(block) for block in missing}
        for block, fetch in fetches.items():
            fetch.wanted_ahead += 1
            self._enter(block, fetch, Rank.AHEAD)
        return Ahead(self._held.thread, partial(self._forgo, fetches))

    def tell_changed(self, reason: str) -> None:
        """Fetch no more, and say so: the origin has another file."""
        if self._closed is None:
            self._changed()
            self.close(reason)

    def close(self, reason: str) -> None:
        """
        Fetch no more.

        @param reason: why, for those that wait.
        """
        self._closed = self._closed or reason
        for block, fetch in list(self._fetches.items()):
            self._end(block, fetch, BlockUnavailable(reason))
            if fetch.running is not None:
                fetch.running.cancel()
            elif fetch.turn is not None:
                self._queue.leave(fetch.turn)
        if self._syncing is not None:
            self._syncing.cancel()

    def _forgo(self, fetches: Mapping[int, Fetch]) -> None:
        """The client whom they were wanted for does not read on towards them."""
        for block, fetch in fetches.items():
            fetch.wanted_ahead -= 1
            self._drop_unwanted(block, fetch)

    def _begin(self, block: int) -> Fetch:
        fetch = self._fetches[block] = Fetch(self._means.clock.seconds())
        return fetch

    def _enter(self, block: int, fetch: Fetch, rank: Rank) -> None:
        if fetch.turn is None:
            fetch.turn = self._queue.enter(rank, partial(self._start, block, fetch))
        else:
            self._queue.promote(fetch.turn, rank)

    def _leave(self, block: int, fetch: Fetch, waiting: Deferred[None]) -> None:
        for those in (fetch.waiting, fetch.background):
            if waiting in those:
                those.remove(waiting)
                self._drop_unwanted(block, fetch)

    def _drop_unwanted(self, block: int, fetch: Fetch) -> None:
        """Ask for nothing that nobody wants; what is on its way already may come."""
        if fetch.turn is not None and not fetch.turn.begun and not fetch.is_wanted:
            self._queue.leave(fetch.turn)
            if self._fetches.get(block) is fetch:
                del self._fetches[block]

    def _start(self, block: int, fetch: Fetch) -> Deferred[None]:
        fetch.running = Deferred.fromCoroutine(self._bring(block, fetch))
        return fetch.running.addErrback(self._unexpected, block, fetch)

    def _end(self, block: int, fetch: Fetch, trouble: BlockUnavailable | None = None) -> None:
        """It is here, or is not going to be."""
        if self._fetches.get(block) is fetch:
            del self._fetches[block]
        waiting, fetch.waiting, fetch.background = [*fetch.waiting, *fetch.background], [], []
        for one in waiting:
            if trouble is None:
                one.callback(None)
            else:
                one.errback(trouble)

    def _unexpected(self, failure: Failure, block: int, fetch: Fetch) -> None:
        if not failure.check(CancelledError):
            self._log.failure("unexpected trouble with a block", failure)
        self._end(block, fetch, BlockUnavailable("a block cannot be had"))

    async def _bring(self, block: int, fetch: Fetch) -> None:
        """Try until the block is here, or nobody wants it any more, or it takes too long."""
        clock, delay = self._means.clock, _FIRST_DELAY
        until = fetch.since + self._means.patience
        while True:
            try:
                pin = await self._try(block)
            except Changed as error:
                fetch.running = None  # it ends by itself
                self.tell_changed(str(error))
                return
            except (DownloadError, OSError) as error:
                self.failed += 1
                reason = os_error_text(error) if isinstance(error, OSError) else str(error)
                self._note_trouble(reason)
                wait = max(delay, error.retry_after if isinstance(error, DownloadError) else 0.0)
                if not fetch.waiting or clock.seconds() + wait > until:
                    self._end(block, fetch, BlockUnavailable(reason))
                    return
                await deferLater(clock, wait)
                delay = min(2 * delay, _LONGEST_DELAY)
            else:
                self._end(block, fetch)
                del pin  # who waited has one of his own
                return

    async def _try(self, block: int) -> Pin:
        """
        Have the block be here, by this process or another.

        @raise DownloadError: the origin does not give it.
        @raise OSError: there is no room for it, or the disk is broken.
        """
        held, means = self._held, self._means
        while (pin := held.pin(block, 1)) is None:
            with means.cache.coming():
                await means.cache.make_room()
                with held.change(block) as is_held:
                    if is_held and not held.is_here(block):
                        await self._fetch(block)
            if not is_held:
                await deferLater(means.clock, _BUSY_SECONDS)
        return pin

    async def _fetch(self, block: int) -> None:
        file = self._held.file
        content = await self._origin.part(self._facts, *file.extent(block, block + 1))
        self.fetched += len(content)
        self._note_trouble(None)
        try:
            await self._means.run_in_thread(file.write, block, content)
        except OSError as error:
            if error.errno not in NO_ROOM or not await self._means.cache.evict(1):
                raise
            await self._means.run_in_thread(file.write, block, content)
        file.note_use(block, block + 1)
        file.mark(block, block + 1, WRITTEN)
        self._unsynced.append(block)
        if len(self._unsynced) == 1:
            self._syncing = Deferred.fromCoroutine(self._sync()).addErrback(self._not_synced)

    async def _sync(self) -> None:
        """See to it that blocks outlast the end of the machine."""
        await deferLater(self._means.clock, _SYNC_SECONDS)
        blocks, self._unsynced = self._unsynced, []
        await self._means.run_in_thread(self._held.file.sync)
        for block in blocks:
            self._held.note_durable(block)

    def _not_synced(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            reason = failure.getErrorMessage()
            self._log.error("blocks cannot be made durable: {reason}", reason=reason)

    def _note_trouble(self, reason: str | None) -> None:
        """Say once that the origin cannot be had, and once that it can."""
        if (reason is None) == (self.trouble is None):
            return
        self.trouble = reason
        name = self._held.file.path.name
        if reason is None:
            self._log.info("{name}: blocks can be fetched again", name=name)
        else:
            self._log.warn("{name}: a block cannot be fetched: {reason}", name=name, reason=reason)


def _failed(reason: str) -> Deferred[None]:
    failed: Deferred[None] = Deferred()
    failed.errback(BlockUnavailable(reason))
    return failed
