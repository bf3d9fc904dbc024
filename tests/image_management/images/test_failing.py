"""Whatever S3 fails at, nothing is changed or everything; and what is left goes."""

from __future__ import annotations

from image_management.records.kinds import Kind
from image_management.s3.errors import S3Error
from tests.image_management.images.bed import Sample
from tests.image_management.images.memory import MemoryObjects
from tests.image_management.images.on_memory import MemoryBed
from tests.image_management.images.test_interrupted import (
    Ask,
    hard_delete,
    hard_delete_deleted,
    soft_delete,
    undelete,
)
from tests.image_management.images.watched import Counting, Failing

_WAYS = (
    (False, 1, True),
    (True, 1, False),
    (False, 1 << 30, False),
    (True, 1 << 30, True),
)
"""How calls fail: done all the same, how many, with an answer."""


class Failures(MemoryBed):
    """Each call of S3 fails: in each of L{_WAYS}."""

    async def check(self, ask: Ask, end: str, *, deleted: bool = False) -> None:
        """
        @param end: where the image is when it goes well.
        @param deleted: whether it is deleted before.
        """
        calls = Counting()
        await ask(self.open_images(calls), (await self.make(deleted=deleted)).id)
        self.assertGreater(len(calls.names), 7)
        for at, name in enumerate(calls.names):
            for done, times, answered in _WAYS:
                with self.told((at, name, done, times, answered)):
                    failing = Failing(at, done=done, times=times, answered=answered)
                    await self.check_failure(ask, end, deleted, failing)

    async def check_failure(self, ask: Ask, end: str, deleted: bool, failing: Failing) -> None:
        self.objects.objects.clear()
        sample = await self.make(deleted=deleted)
        images = self.open_images(failing)
        try:
            warnings = await ask(images, sample.id)
        except S3Error:
            warnings = None
        self.assertTrue(failing.failed)
        # Nobody is told of half of it.
        kept = await self.kept(sample, deleted=deleted)
        self.assertEqual(kept, warnings is None)
        failing.stop()
        if kept:
            # A client tries again at once.
            await ask(images, sample.id)
        await self.settle()
        self.assertEqual(await self.where(sample), end)
        await images.stopService()

    async def kept(self, sample: Sample, *, deleted: bool) -> bool:
        """Whether the record is where it was."""
        records = await self.store.list_records(Kind.IMAGE, deleted=deleted)
        return sample.id in {record.id for record in records}

    async def make(self, *, deleted: bool) -> Sample:
        """A new image."""
        sample = await self.sample()
        if deleted:
            await self.images.soft_delete(Kind.IMAGE, sample.id)
        return sample


class FailingTests(Failures):
    """Each operation."""

    async def test_soft_delete(self) -> None:
        """It stays, and can be asked for again."""
        await self.check(soft_delete, "deleted")

    async def test_undelete(self) -> None:
        """The same."""
        await self.check(undelete, "live", deleted=True)

    async def test_hard_delete(self) -> None:
        """The record stays, and names what is left."""
        await self.check(hard_delete, "gone")

    async def test_hard_delete_of_deleted(self) -> None:
        """The same of what was deleted before."""
        await self.check(hard_delete_deleted, "gone", deleted=True)

    async def test_left_alone(self) -> None:
        """What nobody asks for again is as it was, after a while."""
        for at in range(7, 60):
            with self.told(at):
                self.objects.objects.clear()
                sample = await self.sample()
                failing = Failing(at, done=True, times=1, answered=False)
                images = self.open_images(failing)
                try:
                    await soft_delete(images, sample.id)
                    end = "deleted"
                except S3Error:
                    end = "live"
                await self.settle()
                self.assertEqual(await self.where(sample), end)
                await images.stopService()
                if not failing.failed:
                    return
        self.fail("it has more calls")


class OtherEtagsTests(Failures):
    """The same where copies have other etags than their sources."""

    async def test_undelete(self) -> None:
        """The manifest is written anew."""
        await self.check(undelete, "live", deleted=True)

    def make_objects(self) -> MemoryObjects:
        return MemoryObjects(keeps_etags=False)
