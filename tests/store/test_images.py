"""The store, from an empty directory and misbehaving origins to images that are served."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue, fail, succeed
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from assisted_images.catalog import Catalog, Entry, UnknownImage
from assisted_images.sources.downloads import Downloader
from assisted_images.store.files import Removal
from assisted_images.store.images import ImageState, ImageStore, OsImage
from assisted_images.store.populate import Workshop
from assisted_images.streaming.threads import run_at_once, threads_of
from assisted_images.values import Architecture, ImageType
from tests.sources.origin import Origin
from tests.sources.servers import Received, ServerTestCase, always, response, trial_reactor
from tests.store.images import LIMITS, entry, os_image

NAME = "rhcos-full-iso-417.1-x86_64.iso"


class StoreTestCase(ServerTestCase):
    """A directory, a clock, and the log's news of images' states."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.changes: list[tuple[str, str]] = []
        self.news: DeferredQueue[None] = DeferredQueue()
        observer: Any = self.observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def observe(self, event: LogEvent) -> None:
        if "state" in event:
            self.changes.append((event["version"], event["state"]))
            # Not before whoever logs it goes on to wait.
            trial_reactor().callLater(0, self.news.put, None)

    def store(self, *entries: Entry, run_in_thread: Any = run_at_once) -> ImageStore:
        return ImageStore(
            Catalog(entries),
            Workshop(
                data_dir=self.directory,
                downloader=Downloader(self.agent(), self.clock, run_in_thread),
                clock=self.clock,
                run_in_thread=run_in_thread,
                limits=LIMITS,
                base_url="http://images.example",
            ),
        )

    def start(self, store: ImageStore) -> Deferred[None]:
        running = Deferred.fromCoroutine(store.populate())
        running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self.addCleanup(running.cancel)
        return running

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the change of an image's state that makes C{reached} true."""
        while not reached():
            await self.news.get()

    def states(self, store: ImageStore) -> list[str]:
        return [image.state.value for image in store.images]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


class PopulateTests(StoreTestCase):
    """Images arrive, and stay."""

    async def test_downloaded(self) -> None:
        origin = Origin(os_image())
        digest = hashlib.sha256(os_image()).hexdigest()
        server = self.serve(origin)
        store = self.store(
            entry(server.url, sha256=digest), run_in_thread=threads_of(trial_reactor())
        )
        self.assertFalse(store.ready)
        await store.populate()
        self.assertTrue(store.ready)
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])
        [image] = store.images
        self.assertEqual((image.bytes, image.total), (len(os_image()), len(os_image())))
        assert image.content is not None
        self.assertEqual(image.content.last_modified, 86400.0)
        self.assertEqual(image.content.layout.volume_id, "rhcos-sample")
        self.assertIsNotNone(image.content.minimal)
        self.assertEqual([state for _, state in self.changes], ["downloading", "checking", "ready"])

    async def test_second_start(self) -> None:
        """Nothing is downloaded that is there: disconnected ISOs included."""
        origin = Origin(os_image())
        url = self.serve(origin).url
        entries = [entry(url), entry(url, image_type=ImageType.DISCONNECTED)]
        await self.store(*entries).populate()
        self.assertEqual(origin.asked, [0, 0])
        store = self.store(*entries)
        await store.populate()
        self.assertTrue(store.ready)
        self.assertEqual(origin.asked, [0, 0])

    async def test_unaccounted_files(self) -> None:
        for name in ["rhcos-full-iso-1-x86_64.iso", "notes.txt"]:
            (self.directory / name).write_bytes(b"")
        await self.store(entry(self.serve(Origin(os_image())).url)).populate()
        self.assertEqual(self.names(), ["notes.txt", NAME, NAME + ".checked.json"])

    async def test_found(self) -> None:
        """By version or OpenShift version, architecture and type; a minimal ISO by the full one."""
        url = self.serve(Origin(os_image())).url
        store = self.store(entry(url), entry(url, image_type=ImageType.DISCONNECTED))
        full, disconnected = store.images
        for key in ["417.1", "4.17"]:
            for image_type, image in [
                (ImageType.FULL, full),
                (ImageType.MINIMAL, full),
                (ImageType.DISCONNECTED, disconnected),
            ]:
                self.assertIs(store.find(key, Architecture.X86_64, image_type), image)
        with self.assertRaises(UnknownImage):
            store.find("4.16", Architecture.X86_64, ImageType.FULL)

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


class TroubleTests(StoreTestCase):
    """One bad image never stops the others."""

    async def test_five_images(self) -> None:
        """Four origins misbehave, each in its way; the fifth image is served, they recover."""
        origins = {
            "missing": Origin(b""),
            "truncated": Origin(os_image(), break_after=5000),
            "chunked": Origin(os_image(), chunked=True, break_after=5000),
            "html": Origin(b"<html>Please log in</html>", etag='"html"'),
            "sound": Origin(os_image()),
        }

        def answer(received: Received, transport: ITCPTransport) -> None:
            name = received.path[1:]
            if not origins[name].content:
                transport.write(response("404 Not Found"))
            else:
                origins[name](received, transport)

        server = self.serve(answer)
        store = self.store(*(entry(f"{server.url}/{name}?swordfish", name) for name in origins))
        running = self.start(store)
        await self.until(lambda: self.states(store) == ["failed"] * 4 + ["ready"])
        self.assertFalse(store.ready)
        reasons = [image.reason for image in store.images]
        self.assertEqual(
            reasons[:3],
            [
                f"404 Not Found for {server.url}/missing",
                "the connection broke after 5000 bytes",
                "the connection broke after 5000 bytes",
            ],
        )
        self.assertIsNotNone(reasons[3])
        self.assertEqual([image.next_try for image in store.images], [5.0] * 4 + [None])
        self.assertEqual([image.content is None for image in store.images], [True] * 4 + [False])
        self.assertEqual(store.images[1].bytes, 5000)

        for origin in origins.values():
            origin.content, origin.break_after, origin.etag = os_image(), None, '"one"'
        self.clock.advance(5)
        await running
        self.assertTrue(store.ready)
        self.assertEqual(origins["truncated"].asked, [0, 5000])

    async def test_stalled_origin(self) -> None:
        origin = Origin(os_image(), stall_after=5000)
        store = self.store(
            entry(self.serve(origin).url), entry(self.serve(Origin(os_image())).url, "417.2")
        )
        running = self.start(store)
        await self.until(lambda: self.states(store) == ["downloading", "ready"])
        origin.stall_after = None
        await self.pass_stall(store.images[0])
        self.assertEqual(store.images[0].reason, "nothing has arrived for 60 s")
        self.clock.advance(5)
        await running
        self.assertTrue(store.ready)
        self.assertEqual(origin.asked, [0, 5000])

    async def pass_stall(self, image: OsImage) -> None:
        """Let time pass until the image's origin is given up."""
        while image.state is ImageState.DOWNLOADING:
            self.clock.advance(10)
            await self.turn()

    async def turn(self) -> None:
        turn: Deferred[None] = Deferred()
        trial_reactor().callLater(0, turn.callback, None)
        await turn

    async def test_growing_delays(self) -> None:
        """Twice as long each time, up to five minutes; the state says when."""
        server = self.serve(always(response("404 Not Found")))
        store = self.store(entry(server.url))
        self.start(store)
        [image] = store.images
        waits = []
        for _ in range(9):
            await self.until(lambda: image.state is ImageState.FAILED)
            assert image.next_try is not None
            waits.append(image.next_try - self.clock.seconds())
            self.clock.advance(waits[-1])
        self.assertEqual(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300])

    async def test_getting_on(self) -> None:
        """An origin that breaks off each time, but later each time, is not punished."""
        origin = Origin(os_image(), break_after=len(os_image()) // 5 + 1)
        store = self.store(entry(self.serve(origin).url))
        self.start(store)
        [image] = store.images
        for _ in range(4):
            await self.until(lambda: image.state is ImageState.FAILED)
            assert image.next_try is not None
            self.assertEqual(image.next_try - self.clock.seconds(), 5)
            self.clock.advance(5)
        origin.break_after = None
        await self.until(lambda: store.ready)
        self.assertEqual(len(set(origin.asked)), 5)

    async def test_wrong_digest(self) -> None:
        """Never in place, and not kept."""
        store = self.store(entry(self.serve(Origin(os_image())).url, sha256="0" * 64))
        self.start(store)
        await self.until(lambda: self.states(store) == ["failed"])
        self.assertIn("but the catalogue says 000", store.images[0].reason or "")
        self.assertEqual(self.names(), [])

    async def test_damaged_on_disk(self) -> None:
        """Is set aside and downloaded again; what was derived from it goes too."""
        (self.directory / NAME).write_bytes(os_image()[:-2048])
        (self.directory / "nmstatectl-417.1-x86_64").write_bytes(b"old")
        origin = Origin(os_image())
        stalled = Origin(os_image(), stall_after=1000)
        server = self.serve(stalled)
        running = self.start(self.store(entry(server.url)))
        await server.arrivals.get()
        self.assertIn(NAME + ".refused", self.names())
        self.assertNotIn(NAME, self.names())
        running.cancel()
        await running

        store = self.store(entry(self.serve(origin).url))
        await store.populate()
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])

    async def test_damaged_inside(self) -> None:
        """With a sha256, a single wrong byte is found at the next start."""
        digest = hashlib.sha256(os_image()).hexdigest()
        origin = Origin(os_image())
        url = self.serve(origin).url
        await self.store(entry(url, sha256=digest)).populate()
        with (self.directory / NAME).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        await self.store(entry(url, sha256=digest)).populate()
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(origin.asked, [0, 0])

    async def test_damaged_inside_without_digest(self) -> None:
        """What the image's digest was when it came is remembered, and holds for it."""
        origin = Origin(os_image())
        url = self.serve(origin).url
        for _ in range(2):
            await self.store(entry(url)).populate()
        self.assertEqual(origin.asked, [0])
        with (self.directory / NAME).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        await self.store(entry(url)).populate()
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(origin.asked, [0, 0])

    async def test_another_build(self) -> None:
        """What was remembered of the file before does not hold for the one that replaces it."""
        await self.store(entry(self.serve(Origin(os_image())).url)).populate()
        (self.directory / NAME).unlink()
        rebuilt = os_image()[:-1] + b"x"
        origin = Origin(rebuilt)
        url = self.serve(origin).url

        def interrupted(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            """As if the process ended before it has hashed what it downloaded."""
            if function.__name__ == "stamped_digest":
                return fail(OSError(5, "Input/output error"))
            return run_at_once(function, *arguments, **named)

        ways: list[Any] = [interrupted, run_at_once]
        for run_in_thread in ways:
            store = self.store(entry(url), run_in_thread=run_in_thread)
            await store.populate()
            self.assertTrue(store.ready)
            self.assertEqual((self.directory / NAME).read_bytes(), rebuilt)
        self.assertEqual(origin.asked, [0])

    async def test_part_that_nobody_needs(self) -> None:
        """It is removed when the image is there."""
        (self.directory / NAME).write_bytes(os_image())
        (self.directory / (NAME + ".part")).write_bytes(b"some")
        await self.store(entry("http://127.0.0.1:1")).populate()
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])

    async def test_too_little_room_for_two(self) -> None:
        """One comes to its end; the other says what it lacks instead of filling the disk."""
        free = os.statvfs(self.directory)
        size = free.f_bavail * free.f_frsize * 2 // 3
        server = self.serve(always(response(body=b"x", length=size)))
        store = self.store(entry(server.url), entry(server.url, "417.2"))
        self.start(store)
        await self.until(lambda: ImageState.FAILED in {image.state for image in store.images})
        self.assertEqual(sorted(self.states(store)), ["downloading", "failed"])
        [failed] = [image for image in store.images if image.state is ImageState.FAILED]
        self.assertRegex(failed.reason or "", f"{size} bytes are to come, .* other downloads need")

    async def test_unremovable(self) -> None:
        """A file that cannot be removed is no reason not to go on."""

        def sticky(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            if function.__name__ == "remove_unaccounted":
                return succeed([Removal("x", "Read-only file system")])
            return run_at_once(function, *arguments, **named)

        (self.directory / NAME).write_bytes(os_image())
        store = self.store(entry("http://127.0.0.1:1"), run_in_thread=sticky)
        await store.populate()
        self.assertTrue(store.ready)

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
        store = self.store(entry(url), entry(url, "417.2"), run_in_thread=broken)
        self.start(store)
        await self.until(lambda: self.states(store) == ["ready", "failed"])
        self.assertEqual(store.images[1].reason, "unexpected trouble (ZeroDivisionError)")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_full_disk(self) -> None:
        """What has arrived stays; the image is tried again, and gets on where it was."""
        room = 5000

        def small_disk(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            if function.__name__ == "append":
                part = function.__self__
                if part.size + sum(map(len, arguments[0])) > room:
                    function([b"".join(arguments[0])[: room - part.size]])
                    failed: Deferred[Any] = Deferred()
                    failed.errback(OSError(28, "No space left on device"))
                    return failed
            return run_at_once(function, *arguments, **named)

        origin = Origin(os_image())
        store = self.store(entry(self.serve(origin).url), run_in_thread=small_disk)
        self.start(store)
        await self.until(lambda: self.states(store) == ["failed"])
        self.assertEqual(store.images[0].reason, "No space left on device")
        room = len(os_image())
        self.clock.advance(5)
        await self.until(lambda: store.ready)
        self.assertEqual(origin.asked, [0, 5000])

    async def test_set_aside_gives_way(self) -> None:
        """When room is short, the one file that nobody needs is removed."""
        (self.directory / NAME).write_bytes(b"damaged")
        huge = always(response(body=b"x", length=2**62))
        store = self.store(entry(self.serve(huge).url))
        self.start(store)
        await self.until(lambda: self.states(store) == ["failed"])
        self.assertIn("are free on the disk", store.images[0].reason or "")
        self.assertNotIn(NAME + ".refused", self.names())

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
