"""Files that somebody changes while they are served."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred, succeed

from assisted_images.store.images import ImageState, ImageStore, OsImage, ReadyImage
from assisted_images.store.watching import WATCH_SECONDS
from httpd.representation.segments import FileSegment
from tests.assisted_images.downloads.origin import Origin
from tests.assisted_images.store.case import NAME, StoreTestCase
from tests.assisted_images.store.images import entry, os_image


class WatchingTests(StoreTestCase):
    """One image, which is ready, and a population that goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.running: Deferred[None] = succeed(None)

    async def ready_image(self, sha256: str | None = None) -> OsImage:
        self.origin = Origin(os_image())
        self.path = self.directory / NAME
        self.path.unlink(missing_ok=True)
        self.path.write_bytes(os_image())
        os.utime(self.path, (1000, 1000))
        store = self.store(entry(self.serve(self.origin).url, sha256=sha256))
        return await self.kept(store)

    async def kept(self, store: ImageStore) -> OsImage:
        self.running.cancel()
        self.running = Deferred.fromCoroutine(self.population(store).run())
        self.running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self.addCleanup(self.running.cancel)
        await self.until(lambda: store.ready)
        # Its record is written, and its watch has begun.
        while not self.clock.getDelayedCalls():
            await self.turn()
        return store.images[0]

    async def back(self, image: OsImage) -> ReadyImage:
        self.clock.advance(WATCH_SECONDS)
        await self.until(lambda: image.state is ImageState.READY)
        assert image.ready is not None
        return image.ready

    async def read(self, ready: ReadyImage) -> bytes:
        [segment] = ready.image.segments
        assert isinstance(segment, FileSegment)
        content = b""
        while len(content) < segment.length:
            piece = segment.source.read(len(content), segment.length)
            content += piece if isinstance(piece, bytes) else await piece
        return content

    async def test_overwritten(self) -> None:
        """In any way: what was served is no more, at once; then what came, or was there, is."""
        changes: list[Callable[[Path], object]] = [
            lambda path: os.truncate(path, 5000),
            lambda path: path.write_bytes(b""),
            lambda path: path.write_bytes(os_image()[:-1] + b"x"),
            lambda path: path.write_bytes(os_image() + bytes(2048)),
            lambda path: path.touch(),
        ]
        for sha256 in (None, hashlib.sha256(os_image()).hexdigest()):
            for change in changes:
                image = await self.ready_image(sha256)
                before = image.ready
                assert before is not None
                change(self.path)
                if not before.files[0].is_local:
                    self.clock.advance(WATCH_SECONDS)
                self.assertIsNone(image.current())
                self.assertEqual(image.state, ImageState.CHECKING)
                self.assertEqual(image.reason, "somebody has changed its files")
                with self.assertRaises(EOFError):
                    await self.read(before)
                after = await self.back(image)
                self.assertIsNot(after, before)
                self.assertEqual(after.image.digest, before.image.digest)
                self.assertEqual(await self.read(after), os_image())
                self.assertEqual(self.path.read_bytes(), os_image())

    async def test_nobody_asks(self) -> None:
        """It is noticed now and then."""
        image = await self.ready_image()
        before = image.ready
        self.path.write_bytes(os_image()[:-1] + b"x")
        after = await self.back(image)
        self.assertIsNot(after, before)
        self.assertEqual(await self.read(after), os_image())
        self.assertEqual(self.origin.asked, [0])

    async def test_replaced(self) -> None:
        """Another file has the name: downloads of the one before come to their end."""
        image = await self.ready_image()
        before = image.ready
        assert before is not None
        other = self.path.with_name("other")
        other.write_bytes(os_image())
        other.replace(self.path)
        self.assertIs(image.current(), before)
        after = await self.back(image)
        self.assertIsNot(after, before)
        self.assertEqual(after.image.digest, before.image.digest)
        self.assertEqual(await self.read(before), os_image())
        self.assertEqual(self.origin.asked, [])

    async def test_removed(self) -> None:
        """The bytes that are open are right without a name."""
        image = await self.ready_image()
        before = image.ready
        self.path.unlink()
        for _ in range(3):
            self.clock.advance(WATCH_SECONDS)
            await self.turn()
        self.assertIs(image.current(), before)

    async def test_damaged(self) -> None:
        """What is damaged is set aside, and not served while the sound one is on its way."""
        image = await self.ready_image()
        self.origin.stall_after = 1000
        self.path.write_bytes(b"damaged")
        self.clock.advance(WATCH_SECONDS)
        await self.until(lambda: image.state is ImageState.DOWNLOADING)
        self.assertIsNone(image.current())
        self.assertIn(NAME + ".refused", self.names())
