"""What a process holds of a file of blocks, and what it may not do to another's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.on_demand.block_file import DURABLE, WRITTEN
from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.cache import BlockCache
from assisted_images.on_demand.held_blocks import HeldBlocks, Pin
from httpd.concurrency.threads import RunInThread, run_at_once
from tests.assisted_images.on_demand.sharing_process import content, found, open_blocks

_BLOCKS = 8


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self) -> HeldBlocks:
        return open_blocks(self.path, _BLOCKS)

    def filled(self, *blocks: int) -> HeldBlocks:
        held = self.open()
        for block in blocks:
            self.fill(held, block)
        return held

    def fill(self, held: HeldBlocks, block: int) -> None:
        with held.change(block) as is_held:
            self.assertTrue(is_held)
            held.file.write(block, content(held.file, block))
            held.file.mark(block, block + 1, WRITTEN)
            held.file.note_use(block, block + 1)

    def pinned(self, held: HeldBlocks, first: int, most: int = 1) -> Pin:
        pin = held.pin(first, most)
        assert pin is not None
        return pin

    def may_change(self, held: HeldBlocks, block: int) -> bool:
        with held.change(block) as is_held:
            return is_held


class HeldBlocksTests(_Case):
    def test_a_pin_is_as_long_as_what_is_here(self) -> None:
        held = self.filled(1, 2, 3, 5)
        self.assertEqual(self.pinned(held, 1, 2).stop, 3)
        self.assertEqual(self.pinned(held, 1, 9).stop, 4)
        self.assertIsNone(held.pin(4, 2))
        self.assertIsNone(held.pin(0, 2))

    def test_what_is_pinned_nobody_changes_until_the_last_pin_is_gone(self) -> None:
        held, other = self.filled(1, 2, 3), self.open()
        first, second = self.pinned(held, 1, 2), self.pinned(held, 2, 2)
        for each in (held, other):
            self.assertEqual([self.may_change(each, b) for b in (1, 2, 3)], [False] * 3)
        del first
        for each in (held, other):
            self.assertEqual([self.may_change(each, b) for b in (1, 2, 3)], [True, False, False])
        del second
        for each in (held, other):
            self.assertEqual([self.may_change(each, b) for b in (1, 2, 3)], [True] * 3)

    def test_what_is_being_changed_nobody_pins_or_changes(self) -> None:
        held, other = self.filled(1, 2), self.open()
        with held.change(2) as is_held:
            self.assertTrue(is_held)
            for each in (held, other):
                self.assertIsNone(each.pin(2, 1))
                self.assertFalse(self.may_change(each, 2))
                self.assertEqual(self.pinned(each, 1).stop, 2)
        self.assertEqual(self.pinned(other, 1, 2).stop, 3)

    def test_a_pin_that_another_thread_drops(self) -> None:
        calls: list[Callable[[], None]] = []
        held = self.filled(1)
        held.thread._have_called = calls.append
        pins = [self.pinned(held, 1)]
        thread = Thread(target=pins.clear)
        thread.start()
        thread.join()
        self.assertFalse(self.may_change(held, 1))
        [call] = calls
        call()
        self.assertTrue(self.may_change(held, 1))

    def test_what_is_durable_is_said_only_of_what_is_here(self) -> None:
        held = self.filled(1, 2)
        held.file.mark(2, 3, 0)
        held.note_durable(1)
        held.note_durable(2)
        self.assertEqual(held.file.states(1, 3), bytes([DURABLE, 0]))
        self.assertTrue(self.may_change(self.open(), 1))

    def test_missing(self) -> None:
        self.assertEqual(self.filled(1, 2).missing(0, 99), [0, 3, 4, 5, 6, 7])


class BlockCacheTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.cache = BlockCache(3 * BLOCK + 5, self.clock, run_at_once)

    def make_room(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.cache.make_room())

    def here(self, held: HeldBlocks) -> list[int]:
        return [block for block in range(_BLOCKS) if held.is_here(block)]

    def test_the_least_recently_used_ones_go(self) -> None:
        held = self.filled(4, 1, 6)
        self.cache.add(held)
        with self.cache.coming():
            self.successResultOf(self.make_room())
            self.assertEqual(self.here(held), [1, 6])
        self.fill(held, 0)
        self.pinned(held, 1)  # which is a use of it
        with self.cache.coming(), self.cache.coming():
            self.successResultOf(self.make_room())
        self.assertEqual(self.here(held), [1])
        self.assertEqual(found(held.file, 6), bytes(BLOCK))
        self.assertEqual(found(held.file, 1), content(held.file, 1))
        self.assertEqual(held.evicted, 3)

    def test_where_there_is_room_nothing_goes(self) -> None:
        held = self.filled(4, 1)
        self.cache.add(held)
        with self.cache.coming():
            self.successResultOf(self.make_room())
        self.assertEqual(self.here(held), [1, 4])

    def test_images_share_the_room(self) -> None:
        first = self.filled(1, 2)
        self.path = Path(self.mktemp())
        second = self.filled(3, 4)
        self.cache.add(first)
        self.cache.add(second)
        self.successResultOf(self.make_room())
        self.assertEqual((self.here(first), self.here(second)), ([2], [3, 4]))
        self.cache.remove(second)
        self.fill(first, 5)
        self.successResultOf(self.make_room())
        self.assertEqual((self.here(first), self.here(second)), ([2, 5], [3, 4]))

    def test_what_is_pinned_here_or_elsewhere_stays_and_is_waited_for(self) -> None:
        held, other = self.filled(0, 1, 2, 3), self.open()
        self.cache.add(held)
        pins = [self.pinned(held, 0), self.pinned(other, 1, 3)]
        waiting = self.make_room()
        self.clock.advance(1)
        self.assertNoResult(waiting)
        self.assertEqual(self.here(held), [0, 1, 2, 3])
        del pins[1]
        self.clock.advance(1)
        self.successResultOf(waiting)
        self.assertEqual(self.here(held), [0, 2, 3])

    def test_cancelled_it_lets_go_of_nothing_that_a_thread_is_at(self) -> None:
        running: Deferred[None] = Deferred()
        cache = BlockCache(BLOCK, self.clock, lambda *_, **__: running)  # type: ignore[arg-type]
        held = self.filled(0, 1)
        cache.add(held)
        waiting = Deferred.fromCoroutine(cache.make_room())
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertFalse(self.may_change(self.open(), 0))
        running.callback(None)
        self.assertTrue(self.may_change(self.open(), 0))

    def test_blocks_that_are_going_take_room_until_they_have_gone(self) -> None:
        """In all processes."""
        threads: list[Deferred[None]] = []

        def run_in_thread(function: Callable[..., None], *arguments: object) -> Deferred[None]:
            running: Deferred[None] = Deferred()
            threads.append(running)
            return running.addCallback(lambda _: function(*arguments))

        here, there = (
            BlockCache(2 * BLOCK, self.clock, cast(RunInThread, run_in_thread)) for _ in "12"
        )
        held, other = self.filled(0, 1), self.open()
        here.add(held)
        there.add(other)
        with here.coming(), there.coming():
            waiting = [Deferred.fromCoroutine(cache.make_room()) for cache in (here, here, there)]
            self.assertEqual((self.here(held), self.here(other)), ([], []))
            for each in waiting:
                self.assertNoResult(each)
            for thread in threads:
                thread.callback(None)
            for each in waiting:
                self.successResultOf(each)

    def test_some_room_to_spare_is_made_while_nobody_waits(self) -> None:
        running: Deferred[None] = Deferred()
        cache = BlockCache(64 * BLOCK, self.clock, lambda *_, **__: running)  # type: ignore[arg-type]
        held = open_blocks(self.path, 64)
        held.file.mark(0, 63, WRITTEN)
        cache.add(held)
        with cache.coming():
            self.successResultOf(Deferred.fromCoroutine(cache.make_room()))
        self.assertEqual(held.missing(0, 64), [0, 1, 63])
        running.callback(None)

    def test_without_a_limit_nothing_goes(self) -> None:
        cache = BlockCache(None, self.clock, run_at_once)
        held = self.filled(0, 1)
        cache.add(held)
        self.successResultOf(Deferred.fromCoroutine(cache.make_room()))
        self.assertEqual(self.here(held), [0, 1])
