"""Who asks for operations, and which process carries them out."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from httpd.web.problems import Problem
from image_management.images.images import Images
from image_management.records.kinds import Kind
from image_management.s3.errors import S3Error, S3Unavailable
from image_management.store.errors import Busy, StoreUnavailable
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.images.on_memory import MemoryBed
from tests.image_management.images.watched import Call, Counting, Dying, Failing


class Held:
    """
    A gate that calls of one name wait at.

    @ivar reached: fires when the first does.
    """

    def __init__(self, name: str) -> None:
        self.reached: Deferred[None] = Deferred()
        self.names: list[str] = []
        self._name = name
        self._open: Deferred[None] = Deferred()
        self._told = False

    def open(self) -> None:
        """Let all pass."""
        self._open.callback(None)

    async def __call__(self, name: str, call: Call) -> Any:
        self.names.append(name)
        if name == self._name and not self._open.called:
            if not self._told:
                self._told = True
                # Not within the call, which waits by then.
                trial_reactor().callLater(0, self.reached.callback, None)
            waiting: Deferred[None] = Deferred()
            self._open.addBoth(lambda _: waiting.callback(None) if not waiting.called else None)
            await waiting
        return await call()


class OperationsTests(MemoryBed):
    """Several ask at once, and processes come and go."""

    def asked(self, images: Images, id: str) -> Deferred[Any]:
        """A soft delete, begun."""
        return Deferred.fromCoroutine(images.soft_delete(Kind.IMAGE, id))

    async def till(self, asked: Deferred[Any]) -> Any:
        """Its result, while time goes by."""
        while not asked.called:
            self.clock.advance(1)
            await self.store.renew()
        return await asked

    async def test_joined(self) -> None:
        """Who asks for the same gets the same; who asks for something else is told to wait."""
        sample = await self.sample()
        held = Held("copy")
        images = self.open_images(held)
        first = self.asked(images, sample.id)
        await held.reached
        second = self.asked(images, sample.id)
        for other in (
            images.undelete(Kind.IMAGE, sample.id),
            images.hard_delete(Kind.IMAGE, sample.id),
            images.hard_delete(Kind.IMAGE, sample.id, cascade=False),
            self.store.change(Kind.IMAGE, sample.id, lambda record: record.document),
        ):
            await self.failure(other, Busy)
        self.assertFalse(second.called)
        held.open()
        self.assertEqual([await first, await second], [[], []])
        self.assertEqual(held.names.count("copy"), len(sample.objects))
        self.assertEqual(await self.where(sample), "deleted")

    async def test_joined_failure(self) -> None:
        """Both are told of it."""
        sample = await self.sample()
        failing = Failing(1, done=False, times=1, answered=True)
        images = self.open_images(failing)
        asked = [self.asked(images, sample.id) for _ in range(2)]
        for one in asked:
            await self.failure(one, S3Unavailable)
        self.assertEqual(await self.where(sample), "live")

    async def test_shared_artifacts(self) -> None:
        """Of two images with the same artifact one waits for the other's end."""
        link = await self.put("shared")
        root = "application/vnd.cray.image.rootfs.squashfs"
        ids = []
        for name in ("one", "two"):
            manifest = await self.put_manifest(name, [(root, link)])
            ids.append((await self.add(manifest)).id)
        held = Held("copy")
        images = self.open_images(held)
        first = self.asked(images, ids[0])
        await held.reached
        problem = await self.failure(images.soft_delete(Kind.IMAGE, ids[1]), Problem)
        self.assertEqual(problem.status, 409)
        self.assertIn("Retry-After", problem.headers)
        self.assertIn("/shared is being moved", problem.detail)
        held.open()
        await first
        await images.soft_delete(Kind.IMAGE, ids[1])
        self.assertEqual(len(await self.store.list_records(Kind.IMAGE, deleted=True)), 2)

    async def test_asked_while_taken_over(self) -> None:
        """Who asks at the very moment at which what was left is taken over joins it."""
        sample = await self.sample()
        dying = Dying(12, done=True)
        images = self.open_images(dying)
        self.asked(images, sample.id)
        await dying.dead
        images.running = 0
        await self.images.stopService()
        self.ending.end()
        self.store = self.another_store()
        held = Held("begin")
        self.images = self.open_images(store=held)
        asked = self.asked(self.images, sample.id)
        await held.reached
        # Which is written after everything before it.
        await self.store.renew()
        while "take_over" not in held.names:
            await self.store.renew()
        await self.store.renew()
        held.open()
        await self.till(asked)
        self.assertEqual(await self.where(sample), "deleted")

    async def test_stopped(self) -> None:
        """The end of the service leaves what is under way to the next, and touches nothing more."""
        sample = await self.sample()
        held = Held("copy")
        images = self.open_images(held)
        asked = self.asked(images, sample.id)
        await held.reached
        await images.stopService()
        await self.failure(asked, StoreUnavailable)
        count = len(held.names)
        held.open()
        self.assertEqual(len(held.names), count)
        await self.restart()
        await self.settle()
        self.assertEqual(await self.where(sample), "deleted")

    async def test_lease_lost(self) -> None:
        """Whoever cannot renew leases stops before another process may take over."""
        sample = await self.sample()
        held = Held("copy")
        images = self.open_images(held)
        asked = self.asked(images, sample.id)
        await held.reached
        # So long that no renewal comes between.
        self.clock.advance(20)
        await self.failure(asked, StoreUnavailable)
        self.assertNotIn("delete", held.names)
        held.open()
        await self.settle()
        self.assertEqual(await self.where(sample), "deleted")

    async def test_taken_by_another(self) -> None:
        """Who has lost an operation to another process leaves it alone."""
        sample = await self.sample()
        held = Held("copy")
        first = self.open_images(held)
        first_clock = self.clock
        asked = self.asked(first, sample.id)
        await held.reached
        # Another one takes it over; in SQLite it does not wait for the lease's end.
        mine = self.store
        self.addCleanup(self.ending.end)
        self.store = self.another_store()
        counting = Counting()
        second = self.open_images(counting)
        while await mine.operations():
            self.clock.advance(1)
            await self.store.renew()
        self.assertIn("delete", counting.names)
        held.open()
        while not asked.called:
            first_clock.advance(1)
            await mine.renew()
        self.assertEqual(list(await asked), [])
        self.assertEqual(await self.where(sample), "deleted")
        await second.stopService()

    async def test_down_for_long(self) -> None:
        """While S3 is down for good the other records of a collection are not tried in vain."""
        samples = [await self.sample() for _ in range(5)]
        failing = Failing(0, done=False, times=1 << 30, answered=True)
        images = self.open_images(failing)
        problem = await self.failure(images.soft_delete_all(Kind.IMAGE), Problem)
        self.assertEqual(problem.status, 502)
        self.assertEqual(list(problem.errors), [sample.id for sample in samples])
        self.assertEqual(failing.failed, 3)

    async def test_cleaned_later(self) -> None:
        """The move is done, with a warning, when its sources cannot be deleted for now."""
        sample = await self.sample()
        calls = Counting()
        await self.open_images(calls).soft_delete(Kind.IMAGE, sample.id)
        await self.images.undelete(Kind.IMAGE, sample.id)
        first = calls.names.index("delete")
        failing = Failing(first, done=False, times=1 << 30, answered=True)
        images = self.open_images(failing)
        [warning] = await images.soft_delete(Kind.IMAGE, sample.id)
        self.assertIn("later", warning)
        await self.failure(images.undelete(Kind.IMAGE, sample.id), Busy)
        tries = failing.failed
        for _ in range(8):
            self.clock.advance(1)
            await self.store.renew()
            await self.store.renew()
        self.assertGreater(failing.failed, tries)
        failing.stop()
        await self.settle()
        self.assertEqual(await self.where(sample), "deleted")

    async def test_asked_again_while_undone(self) -> None:
        """A further try does not wait for what S3 may still be at."""
        sample = await self.sample()
        calls = Counting()
        await self.open_images(calls).soft_delete(Kind.IMAGE, sample.id)
        await self.images.undelete(Kind.IMAGE, sample.id)
        failing = Failing(calls.names.index("copy"), done=True, times=1, answered=False)
        images = self.open_images(failing)
        await self.failure(images.soft_delete(Kind.IMAGE, sample.id), S3Error)
        self.assertEqual(len(await self.store.operations()), 1)
        # What S3 was at comes late.
        await self.put(f"deleted/{sample.manifest.key}", b"late")
        await images.soft_delete(Kind.IMAGE, sample.id)
        self.assertEqual(await self.where(sample), "deleted")
