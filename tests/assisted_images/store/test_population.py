"""The store, from an empty directory to images that are served."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred

from assisted_images.store.images import ImageState, ImageStore, OsImage
from assisted_images.values import ImageType
from httpd.concurrency.threads import run_at_once, threads_of
from httpd.representation.segments import FileSegment
from httpd.streaming.disk import DiskFile
from tests.assisted_images.downloads.origin import Origin
from tests.assisted_images.store.case import NAME, StoreTestCase
from tests.assisted_images.store.images import entry, os_image
from tests.httpd.outbound.servers import trial_reactor


class PopulateTests(StoreTestCase):
    """Images arrive, and stay."""

    async def test_downloaded(self) -> None:
        origin = Origin(os_image())
        digest = hashlib.sha256(os_image()).hexdigest()
        server = self.serve(origin)
        store = self.store(entry(server.url, sha256=digest))
        self.assertFalse(store.ready)
        await self.populate(store, threads_of(trial_reactor()))
        self.assertTrue(store.ready)
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])
        [image] = store.images
        self.assertEqual((image.bytes, image.total), (len(os_image()), len(os_image())))
        assert image.ready is not None
        self.assertEqual(image.ready.last_modified, 86400.0)
        self.assertEqual(image.ready.layout.volume_id, "rhcos-sample")
        self.assertIsNotNone(image.ready.minimal)
        self.assertEqual([state for _, state in self.changes], ["downloading", "checking", "ready"])

    async def test_read_for_downloads(self) -> None:
        """In threads that have nothing to do with checks and what is made of an image."""
        store = self.store(entry(self.serve(Origin(os_image())).url))
        await self.populate(store)
        self.assertEqual(self.reads, 0)
        [image] = store.images
        assert image.ready is not None
        [segment] = image.ready.image.segments
        assert isinstance(segment, FileSegment)
        assert isinstance(segment.source, DiskFile)
        await segment.source.bring(0, 1)
        self.assertEqual(self.reads, 1)

    async def test_second_start(self) -> None:
        """Nothing is downloaded that is there: disconnected ISOs included."""
        origin = Origin(os_image())
        url = self.serve(origin).url
        entries = [entry(url), entry(url, image_type=ImageType.DISCONNECTED)]
        await self.populate(self.store(*entries))
        self.assertEqual(origin.asked, [0, 0])
        store = self.store(*entries)
        await self.populate(store)
        self.assertTrue(store.ready)
        self.assertEqual(origin.asked, [0, 0])

    async def test_unaccounted_files(self) -> None:
        for name in ["rhcos-full-iso-1-x86_64.iso", "notes.txt"]:
            (self.directory / name).write_bytes(b"")
        await self.populate(self.store(entry(self.serve(Origin(os_image())).url)))
        self.assertEqual(self.names(), ["notes.txt", NAME, NAME + ".checked.json"])

    async def test_no_directory(self) -> None:
        """A volume that comes late: each image waits for it."""
        self.directory.rmdir()
        store = self.store(entry(self.serve(Origin(os_image())).url))
        running = self.start(store)
        await self.until(lambda: self.states(store) == ["failed"])
        self.assertEqual(store.images[0].reason, "No such file or directory")
        self.directory.mkdir()
        self.clock.advance(5)
        await running
        self.assertTrue(store.ready)


class FetchTests(StoreTestCase):
    """For once, beside whoever else is there."""

    async def fetched(self, store: ImageStore) -> None:
        """Return once each image is ready, or has failed twice in a row."""
        fetching = Deferred.fromCoroutine(self.population(store).fetch(2))
        self.addCleanup(fetching.cancel)
        while not fetching.called:
            await self.turn()
            tries = [image.next_try for image in store.images if image.next_try is not None]
            if tries:
                self.clock.advance(max(0, min(tries) - self.clock.seconds()))
        await fetching

    async def test_given_up(self) -> None:
        """The others come all the same; files of images that it does not know stay."""
        busy = Origin(os_image(), busy=True)
        stranger = self.directory / "rhcos-full-iso-1-x86_64.iso"
        stranger.touch()
        good = entry(self.serve(Origin(os_image())).url)
        store = self.store(good, entry(self.serve(busy).url, "417.2"))
        await self.fetched(store)
        self.assertEqual(self.states(store), ["ready", "failed"])
        self.assertEqual(len(busy.asked), 2)
        self.assertIn("503 Service Unavailable", store.images[1].reason or "")
        self.assertIsNone(store.images[1].next_try)
        self.assertTrue(stranger.exists())

    async def test_gets_on(self) -> None:
        """Failures between which something arrives are none in a row."""
        third = len(os_image()) // 3
        origin = Origin(os_image(), break_after=third)
        store = self.store(entry(self.serve(origin).url))
        await self.fetched(store)
        self.assertTrue(store.ready)
        self.assertEqual(origin.asked[:3], [0, third, 2 * third])


class TroubleTests(StoreTestCase):
    """What is not the fault of an image, its origin or the disk."""

    async def test_two_processes(self) -> None:
        """The second waits for the first, and uses what it brings."""
        origin = Origin(os_image(), stall_after=1000)
        server = self.serve(origin)
        first, second = self.store(entry(server.url)), self.store(entry(server.url))
        self.start(first)
        await server.arrivals.get()
        self.start(second)
        await self.until(lambda: self.states(second) == ["failed"])
        self.assertEqual(second.images[0].reason, "another process is downloading it")
        origin.stall_after = None
        images = [*first.images, *second.images]
        await self.pass_stall(images[0])
        await self.until(lambda: {image.state for image in images} == {ImageState.FAILED})
        while not (first.ready and second.ready):
            tries = [image.next_try for image in images if image.next_try is not None]
            if ImageState.DOWNLOADING not in {image.state for image in images} and tries:
                self.clock.advance(max(0, min(tries) - self.clock.seconds()))
            await self.turn()
        self.assertEqual(origin.asked, [0, 1000])
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())

    async def test_unexpected_trouble(self) -> None:
        """Even a mistake of our own is one image's trouble."""

        def broken(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            if function.__name__ == "check_image" and arguments[1].version == "417.2":
                raise ZeroDivisionError
            return run_at_once(function, *arguments, **named)

        url = self.serve(Origin(os_image())).url
        store = self.store(entry(url), entry(url, "417.2"))
        self.start(store, broken)
        await self.until(lambda: self.states(store) == ["ready", "failed"])
        self.assertEqual(store.images[1].reason, "unexpected trouble (ZeroDivisionError)")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_cancelled(self) -> None:
        """Ends everything, and keeps what has arrived."""
        server = self.serve(Origin(os_image(), stall_after=5000))
        store = self.store(entry(server.url))
        running = self.start(store)
        image: OsImage = store.images[0]
        while image.bytes < 5000:
            await self.turn()
        running.cancel()
        await running
        await server.all_connections_lost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual((self.directory / (NAME + ".part")).stat().st_size, 5000)
