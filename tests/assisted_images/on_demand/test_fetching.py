"""Blocks that come from an origin: each once, in the right order, and never a wrong one."""

from __future__ import annotations

import random
from typing import cast

from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater

from assisted_images.on_demand.block_file import DURABLE
from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.on_demand_file import PinnedRegion
from assisted_images.on_demand.origin import NoParts
from tests.assisted_images.on_demand.case import BLOCKS, CONTENT, OnDemandTestCase
from tests.httpd.outbound.servers import trial_reactor


class ReadingTests(OnDemandTestCase):
    async def test_what_is_read_is_fetched_once(self) -> None:
        file = await self.open()
        for _ in range(2):
            await self.check(file, BLOCK, 20)
            await self.check(file, 5 * BLOCK + 7, 100)
        self.assertEqual(self.origin.counts, {1: 1, 5: 1})
        self.assertEqual(file.bytes_here, 2 * BLOCK)
        self.assertEqual((file.misses, file.fetching.fetched), (2, 2 * BLOCK))

    async def test_all_of_it(self) -> None:
        file = await self.open()
        await self.check(file, 0, len(CONTENT))
        self.assertEqual(self.origin.counts, dict.fromkeys(range(BLOCKS), 1))
        self.assertEqual(file.bytes_here, len(CONTENT))

    async def test_many_that_read_one_place_and_many(self) -> None:
        file = await self.open()
        chance = random.Random(1)
        places = [3 * BLOCK] * 30 + [chance.randrange(len(CONTENT) - 100) for _ in range(30)]
        await gatherResults([self.reading(file, place, 100) for place in places])
        self.assertEqual(set(self.origin.counts.values()), {1})

    async def test_no_byte_behind_the_end(self) -> None:
        file = await self.open()
        await self.check(file, len(CONTENT) - 1, 1)
        self.assertRaises(EOFError, file.read, len(CONTENT), 1)

    async def test_what_is_here_is_given_as_regions_of_a_file(self) -> None:
        file = await self.open()
        self.assertIsNone(file.region(0, BLOCK))
        for block in (0, 1):
            await self.check(file, block * BLOCK + 5, 10)
        await deferLater(trial_reactor(), 0)  # this was called by who has fetched it
        region = cast(PinnedRegion, file.region(10, 5 * BLOCK))
        self.assertEqual((region.offset, region.length), (10, 2 * BLOCK - 10))
        found = region.file.read(region.offset, 100)
        self.assertEqual(found, CONTENT[10:110])
        with file.held.change(1) as is_held:
            self.assertFalse(is_held)
        del region
        with file.held.change(1) as is_held:
            self.assertTrue(is_held)

    async def test_opened_again_nothing_is_asked_for_again(self) -> None:
        await self.check(await self.open(), 0, 2 * BLOCK)
        self.images.stopService()
        file = await self.open(self.make_images())
        await self.check(file, 0, 2 * BLOCK)
        self.assertEqual([self.origin.counts[block] for block in (0, 1)], [1, 1])

    async def test_two_processes_fetch_a_block_once(self) -> None:
        one, other = await self.open(), await self.open(self.make_images())
        self.origin.held = []
        both = [self.reading(file, 0, 10) for file in (one, other)]
        await self.server.arrivals.get()  # the first, for the size
        await self.server.arrivals.get()
        await self.server.arrivals.get()
        self.origin.let_go()
        await both[0]
        self.clock.advance(1)
        await both[1]
        self.assertEqual(self.origin.counts, {0: 1})

    async def test_replicas_agree_on_the_identity(self) -> None:
        one = await self.open()
        self.origin.etag = '"two"'
        other = await self.open(self.make_images())
        self.assertNotEqual(one.identity, other.identity)
        self.origin.etag = '"one"'
        self.assertEqual((await self.open(self.make_images())).identity, one.identity)

    async def test_blocks_become_durable(self) -> None:
        file = await self.open()
        await self.check(file, 0, 2 * BLOCK)
        self.clock.advance(2)
        self.assertEqual(file.held.file.states(0, 2), bytes([DURABLE, DURABLE]))


class TroubleTests(OnDemandTestCase):
    async def passed(self, *faults: str) -> None:
        """Read a block although there are faults first."""
        file = await self.open()
        self.origin.faults.extend(faults)
        reading = self.reading(file, 2 * BLOCK, 100)
        for _ in range(2000):
            if reading.called:
                break
            self.clock.advance(0.5)
            await deferLater(trial_reactor(), 0.001)
        await reading
        self.assertEqual(self.origin.counts, {2: len(faults) + 1})

    async def test_errors_are_tried_again(self) -> None:
        await self.passed("503 Busy", "500 Oh", "404 Not Found")

    async def test_retry_after_is_heeded(self) -> None:
        self.origin.retry_after = "7"
        file = await self.open()
        self.origin.faults.append("429 Too Many Requests")
        reading = self.reading(file, 0, 10)
        while file.fetching.trouble is None:
            await deferLater(trial_reactor(), 0.001)
        self.clock.advance(6.5)
        await deferLater(trial_reactor(), 0.01)
        self.assertEqual(self.origin.counts, {0: 1})
        self.clock.advance(1)
        await reading

    async def test_what_breaks_off_is_tried_again(self) -> None:
        await self.passed("cut", "cut")

    async def test_what_stalls_is_tried_again(self) -> None:
        await self.passed("stall")

    async def test_other_bytes_than_those_asked_for_are_not_stored(self) -> None:
        await self.passed("short", "long", "elsewhere")

    async def test_past_a_bound_it_fails_and_nothing_is_stored(self) -> None:
        file = await self.open()
        self.origin.faults.extend(["503 Busy"] * 1000)
        reading = self.reading(file, 0, 10)
        while not reading.called:
            self.clock.advance(1)
            await deferLater(trial_reactor(), 0.001)
        await self.assertFailure(reading, OSError)
        self.assertEqual(file.bytes_here, 0)
        self.origin.faults.clear()
        await self.check(file, 0, 10)

    async def test_another_file(self) -> None:
        for if_range in (True, False):
            self.origin.content, self.origin.etag = CONTENT, '"one"'
            file = await self.open(self.make_images())
            await self.check(file, 0, 10)
            region = file.region(0, 10)
            assert region is not None
            self.origin.content, self.origin.etag = CONTENT[::-1], '"two"'
            self.origin.if_range = if_range
            self.changes.clear()
            await self.assertFailure(self.reading(file, 3 * BLOCK, 10), OSError)
            self.assertEqual(len(self.changes), 1)
            self.assertEqual(file.held.file.states(3, 4), bytes(1))

    async def test_a_shorter_file(self) -> None:
        file = await self.open()
        self.origin.content, self.origin.if_range = CONTENT[:BLOCK], False
        await self.assertFailure(self.reading(file, 3 * BLOCK, 10), OSError)
        self.assertEqual(len(self.changes), 1)

    async def test_closed_it_ends_for_all(self) -> None:
        file = await self.open()
        await self.check(file, 0, 10)
        self.origin.held = []
        waiting = self.reading(file, 3 * BLOCK, 10)
        region = file.region(0, 10)
        assert region is not None
        self.images.close(file, "enough")
        await self.assertFailure(waiting, OSError)
        await self.assertFailure(maybeDeferred(region.file.read, 0, 10), EOFError)
        await self.assertFailure(self.reading(file, 5 * BLOCK, 10), OSError)

    async def test_origins_that_will_not_do(self) -> None:
        self.origin.ranges = False
        await self.failed_opening("Range")
        self.origin.ranges = True
        self.origin.etag, self.origin.last_modified = 'W/"weak"', None
        await self.failed_opening("ETag")

    async def failed_opening(self, word: str) -> None:
        error = await self.assertFailure(Deferred.fromCoroutine(self.open()), NoParts)
        self.assertIn(word, str(error))


class OrderTests(OnDemandTestCase):
    """At most three requests at once."""

    async def test_who_reads_on_is_read_ahead_for(self) -> None:
        file = await self.open()
        await self.check(file, 0, 6 * BLOCK)
        self.assertGreater(file.hits, 0)
        self.assertEqual(set(self.origin.counts.values()), {1})

    async def test_who_jumps_about_is_not(self) -> None:
        file = await self.open()
        for block in (3, 1, 7):
            await self.check(file, block * BLOCK, 1000)
        self.assertEqual(self.origin.counts, {3: 1, 1: 1, 7: 1})

    async def test_waiting_goes_before_what_is_read_ahead(self) -> None:
        file = await self.open()
        self.origin.held = []
        ahead = file.fetching.read_ahead(0, 6)
        waiting = self.reading(file, 9 * BLOCK, 10)
        also = self.reading(file, 5 * BLOCK, 10)
        await self.arrivals(4)
        self.assertEqual(set(self.origin.asked), {0, 1, 2})
        self.origin.let_go()
        await self.arrivals(3)
        self.assertEqual(set(self.origin.asked[3:]), {9, 5, 3})
        self.origin.let_go()
        await gatherResults([waiting, also])
        del ahead
        await self.finish()

    async def test_who_leaves_takes_what_is_read_ahead_with_him(self) -> None:
        file = await self.open()
        self.origin.held = []
        ahead = file.fetching.read_ahead(0, 8)
        other = file.fetching.read_ahead(6, 7)
        await self.arrivals(4)
        del ahead
        self.origin.let_go()
        await self.server.arrivals.get()
        self.assertEqual(set(self.origin.asked), {0, 1, 2, 6})
        del other
        await self.finish()

    async def test_who_leaves_while_he_waits(self) -> None:
        file = await self.open()
        self.origin.held = []
        first = [self.reading(file, block * BLOCK, 10) for block in range(5)]
        await self.arrivals(4)
        self.assertEqual(file.fetching.waiting, 5)
        first[3].cancel()
        await self.assertFailure(first[3], CancelledError)
        self.origin.let_go()
        await self.server.arrivals.get()
        self.assertEqual(set(self.origin.asked), {0, 1, 2, 4})
        self.origin.let_go()
        await gatherResults([first[index] for index in (0, 1, 2, 4)])

    async def finish(self) -> None:
        """Let all come that is under way."""
        while self.origin.held:
            self.origin.let_go()
            await deferLater(trial_reactor(), 0.01)


class BoundedTests(OnDemandTestCase):
    most_bytes = 4 * BLOCK

    async def test_many_that_read_all_of_it(self) -> None:
        file = await self.open()
        chance, most = random.Random(2), 0
        done = gatherResults(
            [
                self.reading(file, place, min(2 * BLOCK, len(CONTENT) - place))
                for place in (chance.randrange(len(CONTENT)) for _ in range(20))
            ]
        )
        while not done.called:
            self.clock.advance(0.05)
            most = max(most, file.bytes_here)
            await deferLater(trial_reactor(), 0.001)
        await done
        self.assertLessEqual(most, self.most_bytes + self.connections * BLOCK)
        self.assertGreater(file.held.evicted, 0)
