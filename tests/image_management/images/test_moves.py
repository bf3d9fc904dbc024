"""What soft delete, undelete and hard delete do with records and objects of every kind."""

from __future__ import annotations

import json
from dataclasses import replace

from httpd.web.problems import Problem
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.store.errors import NotFound
from tests.image_management.images.bed import BUCKET, TYPES
from tests.image_management.images.on_memory import MemoryBed
from tests.image_management.store.case import CREATED, image

_ROOT = TYPES["rootfs"]


class MovesTests(MemoryBed):
    """One record at a time, and nothing goes wrong but what is there."""

    async def assert_problem(
        self, status: int, text: str, kind: Kind, id: str, *, back: bool
    ) -> None:
        """It is refused, and nothing is changed."""
        before = dict(self.objects.objects)
        ask = self.images.undelete if back else self.images.soft_delete
        problem = await self.failure(ask(kind, id), Problem)
        self.assertEqual(problem.status, status)
        self.assertIn(text, problem.detail)
        self.assertEqual(self.objects.objects, before)
        await self.store.get(kind, id, deleted=back)
        self.assertEqual(await self.store.operations(), [])

    async def recipe(self, link: Link | None) -> Record:
        """A recipe's record."""
        record = image("recipe")
        document = {**record.document, "link": link and link.document}
        return await self.store.add(replace(record, kind=Kind.RECIPE, document=document))

    # --- images

    async def test_round_trip(self) -> None:
        """Everything goes, and comes back; the record's members stay."""
        sample = await self.sample(metadata={"a": "b"}, arch="aarch64")
        before = await self.store.get(Kind.IMAGE, sample.id)
        self.assertEqual(await self.images.soft_delete(Kind.IMAGE, sample.id), [])
        self.assertEqual(await self.where(sample), "deleted")
        deleted = await self.store.get(Kind.IMAGE, sample.id, deleted=True)
        self.assertEqual(deleted.document["deleted"], "2026-11-27T07:36:40+00:00")
        self.assertEqual(await self.images.undelete(Kind.IMAGE, sample.id), [])
        self.assertEqual(await self.where(sample), "live")
        self.assertEqual((await self.store.get(Kind.IMAGE, sample.id)).document, before.document)

    async def test_gone_artifact(self) -> None:
        """What is gone is not listed, and does not have to come back."""
        sample = await self.sample()
        gone = next(path for path in sample.objects if path.endswith("/extra"))
        del self.objects.objects[gone]
        await self.images.soft_delete(Kind.IMAGE, sample.id)
        rest = {path: facts for path, facts in sample.objects.items() if path != gone}
        self.assertEqual(await self.where(replace(sample, objects=rest)), "deleted")
        await self.images.undelete(Kind.IMAGE, sample.id)
        self.assertEqual(set(self.objects.objects), set(rest))

    async def test_no_manifest(self) -> None:
        """Without a manifest that can be read the record moves with its link as it is."""
        for data in (
            None,
            b"{",
            b"[]",
            b'{"artifacts": {}}',
            b" " * 65537,
            b"[" * 100_000,
            b"\xff",
        ):
            with self.told(data and data[:20]):
                link = await self.put("broken.json", data or b"x")
                if data is None:
                    self.objects.objects.clear()
                before = dict(self.objects.objects)
                record = await self.add(link)
                [warning] = await self.images.soft_delete(Kind.IMAGE, record.id)
                self.assertIn("s3://boot-images/broken.json", warning)
                deleted = await self.store.get(Kind.IMAGE, record.id, deleted=True)
                self.assertEqual(deleted.link, link)
                self.assertEqual(await self.images.undelete(Kind.IMAGE, record.id), [])
                back = await self.store.get(Kind.IMAGE, record.id)
                self.assertEqual(back.document, record.document)
                [warning] = await self.images.hard_delete(Kind.IMAGE, record.id)
                self.assertIn("s3://boot-images/broken.json", warning)
                self.assertEqual(self.objects.objects, before)

    async def test_no_link(self) -> None:
        """It just moves."""
        record = await self.add(None)
        self.assertEqual(await self.images.soft_delete(Kind.IMAGE, record.id), [])
        self.assertEqual(await self.images.undelete(Kind.IMAGE, record.id), [])
        self.assertEqual((await self.store.get(Kind.IMAGE, record.id)).document, record.document)
        self.assertEqual(await self.images.hard_delete(Kind.IMAGE, record.id), [])

    async def test_odd_manifest(self) -> None:
        """One artifact twice, the manifest itself, one below deleted/, and entries of no use."""
        root = await self.put("odd/root")
        below = await self.put("deleted/odd/kernel")
        document = {
            "artifacts": [
                {"type": _ROOT, "link": root.document, "note": "kept"},
                {"type": "again", "link": root.document},
                {"type": "itself", "link": Link(BUCKET, "odd/manifest").document},
                {"type": "below", "link": below.document},
                {"type": "nowhere", "link": None},
                "nothing",
            ]
        }
        link = await self.put("odd/manifest", json.dumps(document).encode())
        before = {path: stored.etag for path, stored in self.objects.objects.items()}
        record = await self.add(link)
        warnings = await self.images.soft_delete(Kind.IMAGE, record.id)
        self.assertEqual(len(warnings), 2)
        self.assertEqual(
            set(self.objects.objects),
            {
                f"s3://{BUCKET}/{key}"
                for key in (
                    "deleted/odd/root",
                    "deleted/deleted/odd/kernel",
                    "deleted/odd/manifest",
                    f"deleted/{record.id}/deleted_manifest.json",
                )
            },
        )
        moved = self.objects.objects[f"s3://{BUCKET}/deleted/{record.id}/deleted_manifest.json"]
        entries = json.loads(moved.data)["artifacts"]
        self.assertEqual(
            [entry["type"] for entry in entries],
            [_ROOT, "again", "itself", "below", "application/vnd.cray.image.manifest"],
        )
        self.assertEqual(entries[0]["note"], "kept")
        await self.images.undelete(Kind.IMAGE, record.id)
        after = {path: stored.etag for path, stored in self.objects.objects.items()}
        self.assertEqual(after, before)

    async def test_never_overwrites(self) -> None:
        """Neither there nor back."""
        sample = await self.sample()
        home = next(path for path in sample.objects if path.endswith("/initrd"))
        key = home.removeprefix(f"s3://{BUCKET}/")
        for other in (f"deleted/{key}", f"deleted/{sample.id}/deleted_manifest.json"):
            link = await self.put(other)
            await self.assert_problem(409, link.path, Kind.IMAGE, sample.id, back=False)
            await self.objects.delete(link)
        await self.images.soft_delete(Kind.IMAGE, sample.id)
        link = await self.put(key)
        await self.assert_problem(409, home, Kind.IMAGE, sample.id, back=True)

    async def test_comes_back_whole_or_not(self) -> None:
        """Without an artifact, or what says where they are, it does not come back."""
        sample = await self.sample()
        await self.images.soft_delete(Kind.IMAGE, sample.id)
        for path in sorted(self.objects.objects):
            with self.told(path):
                stored = self.objects.objects.pop(path)
                await self.assert_problem(422, path, Kind.IMAGE, sample.id, back=True)
                self.objects.objects[path] = stored
        own = f"s3://{BUCKET}/deleted/{sample.id}/deleted_manifest.json"
        good = self.objects.objects[own]
        for data in (b"", b"{}", b'{"artifacts": []}', b" " * 65537):
            self.objects.objects[own] = replace(good, data=data)
            await self.assert_problem(422, own, Kind.IMAGE, sample.id, back=True)
        self.objects.objects[own] = good
        await self.images.undelete(Kind.IMAGE, sample.id)
        self.assertEqual(await self.where(sample), "live")

    async def test_written_meanwhile(self) -> None:
        """What somebody writes where something was is not deleted."""
        sample = await self.sample()
        home = next(path for path in sample.objects if path.endswith("/initrd"))

        async def gate(name: str, call):  # type: ignore[no-untyped-def]
            if name == "write":
                await self.put(home.removeprefix(f"s3://{BUCKET}/"), b"another")
            return await call()

        await self.open_images(gate).soft_delete(Kind.IMAGE, sample.id)
        self.assertEqual(self.objects.objects.pop(home).data, b"another")
        self.assertEqual(await self.where(sample), "deleted")

    async def test_hard_delete(self) -> None:
        """Everything, or the record alone; of a deleted one what was not moved is left alone."""
        sample = await self.sample()
        del self.objects.objects[next(iter(sample.objects))]
        await self.images.hard_delete(Kind.IMAGE, sample.id)
        self.assertEqual(await self.where(sample), "gone")
        sample = await self.sample()
        await self.images.hard_delete(Kind.IMAGE, sample.id, cascade=False)
        self.assertEqual(set(self.objects.objects), set(sample.objects))
        await self.failure(self.images.hard_delete(Kind.IMAGE, sample.id), NotFound)
        record = await self.add(await self.put("gone"))
        self.objects.objects.clear()
        await self.images.soft_delete(Kind.IMAGE, record.id)
        await self.put("gone", b"another's")
        [warning] = await self.images.hard_delete(Kind.IMAGE, record.id, deleted=True)
        self.assertIn("s3://boot-images/gone", warning)
        self.assertEqual(len(self.objects.objects), 1)

    # --- recipes

    async def test_recipe(self) -> None:
        """Its one object goes and comes back."""
        link = await self.put("recipe.tgz", bucket="ims")
        record = await self.recipe(link)
        await self.images.soft_delete(Kind.RECIPE, record.id)
        self.assertEqual(list(self.objects.objects), ["s3://ims/deleted/recipe.tgz"])
        deleted = await self.store.get(Kind.RECIPE, record.id, deleted=True)
        self.assertEqual(deleted.link, Link("ims", "deleted/recipe.tgz", link.etag))
        blocking = await self.put("recipe.tgz", bucket="ims")
        await self.assert_problem(409, link.path, Kind.RECIPE, record.id, back=True)
        await self.objects.delete(blocking)
        await self.images.undelete(Kind.RECIPE, record.id)
        self.assertEqual((await self.store.get(Kind.RECIPE, record.id)).document, record.document)
        self.assertEqual(list(self.objects.objects), [link.path])
        await self.images.soft_delete(Kind.RECIPE, record.id)
        stored = dict(self.objects.objects)
        self.objects.objects.clear()
        await self.assert_problem(
            422, "s3://ims/deleted/recipe.tgz", Kind.RECIPE, record.id, back=True
        )
        self.objects.objects.update(stored)
        await self.images.hard_delete(Kind.RECIPE, record.id, deleted=True)
        self.assertEqual(self.objects.objects, {})

    async def test_recipe_without_object(self) -> None:
        """It moves with its link as it is, and is just brought back."""
        record = await self.recipe(Link("ims", "gone.tgz"))
        [warning] = await self.images.soft_delete(Kind.RECIPE, record.id)
        self.assertIn("s3://ims/gone.tgz", warning)
        await self.images.undelete(Kind.RECIPE, record.id)
        self.assertEqual((await self.store.get(Kind.RECIPE, record.id)).document, record.document)
        record = await self.recipe(None)
        self.assertEqual(await self.images.soft_delete(Kind.RECIPE, record.id), [])

    # --- whole collections

    async def test_all(self) -> None:
        """Each for itself; what is not done is told by its id."""
        samples = [await self.sample() for _ in range(3)]
        blocked = samples[1]
        link = await self.put(f"deleted/{blocked.id}/deleted_manifest.json")
        problem = await self.failure(self.images.soft_delete_all(Kind.IMAGE), Problem)
        self.assertEqual((problem.status, list(problem.errors)), (409, [blocked.id]))
        self.assertIn(link.path, str(problem.errors[blocked.id]))
        await self.objects.delete(link)
        await self.images.soft_delete_all(Kind.IMAGE)
        self.assertEqual(await self.store.list_records(Kind.IMAGE), [])
        await self.images.undelete_all(Kind.IMAGE)
        self.assertEqual(
            [record.id for record in await self.store.list_records(Kind.IMAGE)],
            [sample.id for sample in samples],
        )
        await self.images.hard_delete_all(Kind.IMAGE)
        self.assertEqual(self.objects.objects, {})

    async def test_public_keys(self) -> None:
        """They have no objects."""
        document = {"name": "key", "public_key": "ssh-ed25519 A", "id": "k", "created": CREATED}
        record = await self.store.add(Record(Kind.PUBLIC_KEY, "k", document))
        await self.images.soft_delete_all(Kind.PUBLIC_KEY)
        deleted = await self.store.get(Kind.PUBLIC_KEY, "k", deleted=True)
        self.assertEqual(deleted.document["deleted"], "2026-11-27T07:36:40+00:00")
        await self.images.undelete_all(Kind.PUBLIC_KEY)
        self.assertEqual((await self.store.get(Kind.PUBLIC_KEY, "k")).document, record.document)
