"""What cases of moves are made in: a store, objects, images of several artifacts, and a look at
what has become of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast
from uuid import uuid4

from twisted.internet.task import Clock

from image_management.images.images import Images
from image_management.images.manifests import MANIFEST_TYPE
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.s3.objects import ObjectStore
from image_management.store.errors import NotFound
from image_management.store.opening import make_database
from image_management.store.store import Store
from tests.httpd.concurrency.stopping import Stopping
from tests.image_management.images.watched import Gate, Watched
from tests.image_management.store.case import StoreCase, image

BUCKET = "boot-images"
NOW = 1_795_765_000.0
"""2026-11-27 07:36:40 in UTC."""

TYPES = {
    "rootfs": "application/vnd.cray.image.rootfs.squashfs",
    "kernel": "application/vnd.cray.image.kernel",
    "initrd": "application/vnd.cray.image.initrd",
    "parameters": "application/vnd.cray.image.parameters.boot",
    "debug_kernel": "application/vnd.cray.image.debug.kernel",
    "extra": "application/x-site",
}
"""Artifacts of an image."""

_E = TypeVar("_E", bound=Exception)

_STEP_SECONDS = 5


@dataclass(frozen=True)
class Sample:
    """An image that has been made, and where everything of it was then."""

    id: str
    objects: Mapping[str, tuple[bytes, str, Mapping[str, str]]]
    """By path: bytes, content type, metadata."""
    manifest: Link


class Bed(StoreCase):
    """
    A test with a store and objects.

    @ivar objects: what has them: of the kind that a derived class makes.
    """

    objects: Any

    def setUp(self) -> None:
        super().setUp()
        self.objects = self.make_objects()
        self.database = make_database(self.folder, self.url)
        self.database.open()
        self.addCleanup(self.database.close)
        self.store = self.another_store()
        self.addCleanup(self.end_threads)
        self.images = self.open_images()

    def end_threads(self) -> None:
        self.ending.end()

    def another_store(self) -> Store:
        """That of another process: the journal knows its operations by their owner."""
        self.ending = Stopping()
        return Store(self.database, self.ending)

    def make_objects(self) -> Any:
        raise NotImplementedError

    async def all_objects(self) -> Mapping[str, tuple[bytes, str, Mapping[str, str], str]]:
        """What there is, by path: bytes, content type, metadata, etag."""
        raise NotImplementedError

    def open_images(self, s3: Gate | None = None, store: Gate | None = None) -> Images:
        """The moves of a process, whose calls pass gates; it has its own clock."""
        self.clock = Clock()
        images = Images(
            cast("Store", self.store if store is None else Watched(self.store, store)),
            cast("ObjectStore", self.objects if s3 is None else Watched(self.objects, s3)),
            self.clock,
            boot_images_bucket=BUCKET,
            longest_manifest=64 * 1024,
            now=lambda: NOW,
        )
        images.startService()
        self.addCleanup(self.close_images, images)
        return images

    async def close_images(self, images: Images) -> None:
        if images.running:
            await images.stopService()

    async def restart(self) -> None:
        """Another process, after the death of the one before."""
        await self.close_images(self.images)
        self.ending.end()
        self.store = self.another_store()
        self.images = self.open_images()

    async def settle(self) -> None:
        """Let time go by until no operation is under way any more."""
        while await self.store.operations():
            self.clock.advance(_STEP_SECONDS)
            # The process has renewed its leases before.
            await self.store.renew()

    @contextmanager
    def told(self, case: object) -> Iterator[None]:
        """Say in a failure which case it was."""
        try:
            yield
        except Exception as error:
            raise AssertionError(f"in the case {case}: {error}") from error

    async def failure(self, coroutine: Awaitable[object], kind: type[_E]) -> _E:
        """What it raises, which has to be of that kind."""
        try:
            await coroutine
        except kind as error:
            return error
        raise AssertionError("nothing was raised")

    # --- what there is

    async def put(self, key: str, data: bytes = b"", bucket: str = BUCKET) -> Link:
        """An object."""
        metadata = {"md5sum": f"of {key}"}
        link: Link = await self.objects.write(
            Link(bucket, key), data or key.encode(), "application/x-test", metadata
        )
        return link

    async def put_manifest(self, key: str, artifacts: list[tuple[str, Link]]) -> Link:
        """A manifest that names artifacts, with their types."""
        entries = [
            {"type": kind, "md5": f"md5 of {link.key}", "link": link.document}
            for kind, link in artifacts
        ]
        document = {"version": "1.0", "created": "2026-11-27 07:00:00", "artifacts": entries}
        return await self.put(key, json.dumps(document).encode())

    async def sample(self, **members: Any) -> Sample:
        """An image with six artifacts, in two buckets; no other has any of them."""
        name = uuid4().hex
        artifacts = []
        for place, (role, kind) in enumerate(TYPES.items()):
            bucket = "ims" if place == 1 else BUCKET
            artifacts.append((kind, await self.put(f"{name}/{role}", bucket=bucket)))
        manifest = await self.put_manifest(f"{name}/manifest.json", artifacts)
        record = await self.add(manifest, **members)
        paths = [*(link.path for _, link in artifacts), manifest.path]
        there = await self.all_objects()
        return Sample(record.id, {path: there[path][:3] for path in paths}, manifest)

    async def add(self, link: Link | None, **members: Any) -> Record:
        """An image's record."""
        record = image("sample", **members)
        document = {**record.document, "link": link and link.document}
        return await self.store.add(replace(record, document=document))

    # --- what has become of it

    async def where(self, sample: Sample) -> str:
        """
        Where an image is: C{live}, C{deleted} or C{gone}; and everything of it has to be there, and
        nowhere else, and nothing else be anywhere.
        """
        there = dict(await self.all_objects())
        self.assertEqual(await self.store.operations(), [])
        place, record = await self._record(sample)
        if record is not None:
            assert record.link is not None
            self.assertEqual(place == "deleted", record.deleted)
            self.assertEqual("deleted" in record.document, record.deleted)
        if place == "live":
            assert record is not None
            assert record.link is not None
            self.assertEqual(record.link.path, sample.manifest.path)
            self.assertEqual(record.link.etag, there[record.link.path][3])
            await self._check_home(sample, there)
        elif place == "deleted":
            assert record is not None
            await self._check_moved(sample, record, there)
        else:
            self.assertEqual(there, {})
        return place

    async def _record(self, sample: Sample) -> tuple[str, Record | None]:
        for place, deleted in (("live", False), ("deleted", True)):
            try:
                return place, await self.store.get(Kind.IMAGE, sample.id, deleted=deleted)
            except NotFound:
                pass
        return "gone", None

    async def _check_home(self, sample: Sample, there: dict[str, Any]) -> None:
        manifest = json.loads(there[sample.manifest.path][0])
        for entry in manifest["artifacts"]:
            link = Link.read(entry["link"])
            self.assertEqual(link.etag, there[link.path][3], link.path)
            self.assertEqual(entry["md5"], f"md5 of {link.key}")
        for path, (data, kind, metadata) in sample.objects.items():
            now_data, now_kind, now_metadata, _ = there.pop(path)
            self.assertEqual((kind, metadata), (now_kind, now_metadata))
            if path != sample.manifest.path:
                self.assertEqual(data, now_data)
        self.assertEqual(list(there), [])

    async def _check_moved(self, sample: Sample, record: Record, there: dict[str, Any]) -> None:
        assert record.link is not None
        self.assertEqual(
            record.link.path, f"s3://{BUCKET}/deleted/{sample.id}/deleted_manifest.json"
        )
        data, _, _, etag = there.pop(record.link.path)
        self.assertEqual(etag, record.link.etag)
        document = json.loads(data)
        self.assertEqual(document["version"], "1.0")
        self.assertEqual(document["created"], "2026-11-27 07:36:40")
        named = []
        for entry in document["artifacts"]:
            link = Link.read(entry["link"])
            self.assertEqual(link.etag, there[link.path][3], link.path)
            self.assertTrue(link.is_deleted)
            home = link.restored().path
            self.assertEqual(home == sample.manifest.path, entry["type"] == MANIFEST_TYPE)
            self.assertEqual("md5" in entry, entry["type"] != MANIFEST_TYPE)
            self.assertEqual(sample.objects[home], there.pop(link.path)[:3])
            named.append(home)
        self.assertEqual(sorted(named), sorted(sample.objects))
        self.assertEqual(list(there), [])
