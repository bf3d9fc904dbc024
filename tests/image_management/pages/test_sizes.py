"""How large artifacts are: what S3 is asked for, and how often."""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from image_management.images.manifests import artifact_entry, image_manifest, manifest_bytes
from image_management.pages.sizes import PATIENCE_SECONDS, ArtifactSizes, Sizes
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.records.schemas import make_record
from image_management.s3.facts import ObjectFacts
from image_management.s3.objects import ObjectStore
from tests.image_management.images.memory import MemoryObjects
from tests.image_management.store.case import CREATED

RECIPE = Link("ims", "recipe.tar.gz")


class SlowObjects(MemoryObjects):
    """Objects whose size is told when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []
        self.asked = 0
        self.slow = False

    async def head(self, link: Link) -> ObjectFacts:
        self.asked += 1
        if self.slow:
            waiting: Deferred[None] = Deferred()
            self.waiting.append(waiting)
            await waiting
        return await super().head(link)


class SizesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.objects, self.is_up = Clock(), SlowObjects(), True
        self.sizes = ArtifactSizes(
            cast(ObjectStore, self.objects), 1024, lambda: self.is_up, self.clock
        )
        self.recipe = self.record(Kind.RECIPE, RECIPE)
        self.put(RECIPE, b"recipe")

    def record(self, kind: Kind, link: Link | None) -> Record:
        members = {"name": "x", "link": link and link.document, "linux_distribution": "x"}
        return make_record(kind, members, CREATED)

    def put(self, link: Link, data: bytes) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.objects.write(link, data, "x")))

    def ask(self, record: Record) -> Deferred[Sizes | None]:
        async def asked() -> Sizes | None:
            return (await self.sizes.of([record])).get(record.id)

        return Deferred.fromCoroutine(asked())

    def test_recipe(self) -> None:
        for _ in range(3):
            self.assertEqual(self.successResultOf(self.ask(self.recipe)), {"archive": 6})
        self.assertEqual(self.objects.asked, 1)

    def test_no_link(self) -> None:
        self.assertIsNone(self.successResultOf(self.ask(self.record(Kind.IMAGE, None))))

    def test_image(self) -> None:
        """One of whose artifacts is not there."""
        root, manifest = Link("boot-images", "root"), Link("boot-images", "manifest.json")
        lost = artifact_entry("kernel", Link("boot-images", "lost"), "")
        self.put(root, b"hsqs")
        document = image_manifest([artifact_entry("rootfs", root, ""), lost], 0)
        self.put(manifest, manifest_bytes(document))
        image = self.record(Kind.IMAGE, manifest)
        self.assertEqual(self.successResultOf(self.ask(image)), {"rootfs": 4})

    def test_what_cannot_be_read(self) -> None:
        """It is asked for again, but not at once."""
        link = Link("boot-images", "manifest.json")
        image = self.record(Kind.IMAGE, link)
        self.put(link, b"no manifest")
        self.assertEqual(self.successResultOf(self.ask(image)), {})
        self.put(link, manifest_bytes(image_manifest([], 0)))
        reads = self.objects.asked
        self.assertEqual(self.successResultOf(self.ask(image)), {})
        self.clock.advance(61)
        self.assertEqual(self.successResultOf(self.ask(image)), {})
        self.assertEqual(self.objects.asked, reads)
        self.assertIn(link, self.sizes._known)

    def test_slow(self) -> None:
        """A page does not wait for long; what comes later is known then."""
        self.objects.slow = True
        first = self.ask(self.recipe)
        self.assertNoResult(first)
        self.clock.pump([0.1] * int(PATIENCE_SECONDS / 0.1 + 1))
        self.assertEqual(self.successResultOf(first), {})
        second = self.ask(self.recipe)
        self.assertEqual(self.objects.asked, 1)
        self.objects.waiting.pop().callback(None)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(second), {"archive": 6})

    def test_away(self) -> None:
        self.is_up = False
        self.assertEqual(self.successResultOf(self.ask(self.recipe)), {})
        self.assertEqual(self.objects.asked, 0)

    def test_stops(self) -> None:
        self.objects.slow = True
        self.sizes.startService()
        asked = self.ask(self.recipe)
        self.sizes.stopService()
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(asked), {})
        self.assertEqual(self.clock.getDelayedCalls(), [])
