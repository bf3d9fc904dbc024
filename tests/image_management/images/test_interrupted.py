"""Whatever a process was at when it died, the next one brings it to an end."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from image_management.images.images import Images
from image_management.records.kinds import Kind
from image_management.store.errors import NotFound
from tests.image_management.images.bed import Sample
from tests.image_management.images.memory import MemoryObjects
from tests.image_management.images.on_memory import MemoryBed
from tests.image_management.images.watched import Counting, Dying

Ask = Callable[[Images, str], Awaitable[object]]
"""An operation on an image, as a client asks for it."""


async def soft_delete(images: Images, id: str) -> object:
    return await images.soft_delete(Kind.IMAGE, id)


async def undelete(images: Images, id: str) -> object:
    return await images.undelete(Kind.IMAGE, id)


async def hard_delete(images: Images, id: str) -> object:
    return await images.hard_delete(Kind.IMAGE, id)


async def hard_delete_deleted(images: Images, id: str) -> object:
    return await images.hard_delete(Kind.IMAGE, id, deleted=True)


class Interrupted(MemoryBed):
    """A process dies at each of the calls of S3 and of the store, before or after it is done."""

    timeout = 300

    async def check(self, ask: Ask, end: str, *, deleted: bool = False) -> None:
        """
        @param end: where the image is in the end.
        @param deleted: whether it is deleted before.
        """
        calls = Counting()
        sample = await self.make(deleted=deleted)
        await ask(self.open_images(calls, calls), sample.id)
        self.assertEqual(await self.where(sample), end)
        self.assertGreater(len(calls.names), 10)
        for at, name in enumerate(calls.names):
            for done in (False, True):
                with self.told((at, name, done)):
                    await self.check_death(ask, end, deleted, Dying(at, done=done))

    async def check_death(self, ask: Ask, end: str, deleted: bool, dying: Dying) -> None:
        self.objects.objects.clear()
        sample = await self.make(deleted=deleted)
        images = self.open_images(dying, dying)
        await self.images.stopService()
        Deferred.fromCoroutine(ask(images, sample.id))  # type: ignore[arg-type]
        await dying.dead
        # What it waits for never comes.
        images.running = 0
        await self.restart()
        await self.settle()
        self.assertIn(await self.where(sample), {end, "deleted" if deleted else "live"})
        # It may have been brought to its end already.
        with contextlib.suppress(NotFound):
            await ask(self.images, sample.id)
        self.assertEqual(await self.where(sample), end)

    async def make(self, *, deleted: bool) -> Sample:
        """A new image."""
        sample = await self.sample()
        if deleted:
            await self.images.soft_delete(Kind.IMAGE, sample.id)
        return sample


class InterruptedTests(Interrupted):
    """Each operation."""

    async def test_soft_delete(self) -> None:
        """It is where it was, or deleted; asked for again it is deleted."""
        await self.check(soft_delete, "deleted")

    async def test_undelete(self) -> None:
        """It is deleted, or back; asked for again it is back."""
        await self.check(undelete, "live", deleted=True)

    async def test_hard_delete(self) -> None:
        """It is gone, as far as the record says; asked for again it is gone."""
        await self.check(hard_delete, "gone")

    async def test_hard_delete_of_deleted(self) -> None:
        """The same of what was deleted before."""
        await self.check(hard_delete_deleted, "gone", deleted=True)


class OtherEtagsTests(Interrupted):
    """The same where copies have other etags than their sources."""

    async def test_undelete(self) -> None:
        """The manifest is written anew."""
        await self.check(undelete, "live", deleted=True)

    def make_objects(self) -> MemoryObjects:
        return MemoryObjects(keeps_etags=False)
