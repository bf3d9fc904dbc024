"""What a disk does to the store: files that are not what they were, and room that ends."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from twisted.internet.defer import Deferred, succeed

from assisted_images.store.files import Removal
from assisted_images.store.images import ImageState
from httpd.concurrency.threads import run_at_once
from tests.assisted_images.downloads.origin import Origin
from tests.assisted_images.store.case import NAME, StoreTestCase
from tests.assisted_images.store.images import entry, os_image
from tests.httpd.outbound.servers import always, response


class DamageTests(StoreTestCase):
    """What is on disk is checked before it is served."""

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
        await self.populate(store)
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])

    async def test_damaged_inside(self) -> None:
        """With a sha256, a single wrong byte is found at the next start."""
        digest = hashlib.sha256(os_image()).hexdigest()
        origin = Origin(os_image())
        url = self.serve(origin).url
        await self.populate(self.store(entry(url, sha256=digest)))
        with (self.directory / NAME).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        await self.populate(self.store(entry(url, sha256=digest)))
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(origin.asked, [0, 0])

    async def test_damaged_inside_without_digest(self) -> None:
        """What the image's digest was when it came is remembered, and holds for it."""
        origin = Origin(os_image())
        url = self.serve(origin).url
        for _ in range(2):
            await self.populate(self.store(entry(url)))
        self.assertEqual(origin.asked, [0])
        with (self.directory / NAME).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        await self.populate(self.store(entry(url)))
        self.assertEqual((self.directory / NAME).read_bytes(), os_image())
        self.assertEqual(origin.asked, [0, 0])

    async def test_another_build(self) -> None:
        """What was remembered of the file before does not hold for the one that replaces it."""
        await self.populate(self.store(entry(self.serve(Origin(os_image())).url)))
        (self.directory / NAME).unlink()
        rebuilt = os_image()[:-1] + b"x"
        origin = Origin(rebuilt)
        url = self.serve(origin).url

        def interrupted(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            """As if the process ended before it has remembered what it downloaded."""
            if function.__name__ == "write_record":
                return succeed(None)
            return run_at_once(function, *arguments, **named)

        ways: list[Any] = [interrupted, run_at_once]
        for run_in_thread in ways:
            store = self.store(entry(url))
            await self.populate(store, run_in_thread)
            self.assertTrue(store.ready)
            self.assertEqual((self.directory / NAME).read_bytes(), rebuilt)
        self.assertEqual(origin.asked, [0])

    async def test_part_that_nobody_needs(self) -> None:
        """It is removed when the image is there."""
        (self.directory / NAME).write_bytes(os_image())
        (self.directory / (NAME + ".part")).write_bytes(b"some")
        await self.populate(self.store(entry("http://127.0.0.1:1")))
        self.assertEqual(self.names(), [NAME, NAME + ".checked.json"])

    async def test_unremovable(self) -> None:
        """A file that cannot be removed is no reason not to go on."""

        def sticky(function: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            if function.__name__ == "remove_unaccounted":
                return succeed([Removal("x", "Read-only file system")])
            return run_at_once(function, *arguments, **named)

        (self.directory / NAME).write_bytes(os_image())
        store = self.store(entry("http://127.0.0.1:1"))
        await self.populate(store, sticky)
        self.assertTrue(store.ready)


class RoomTests(StoreTestCase):
    """A full disk costs nothing that has arrived."""

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
        store = self.store(entry(self.serve(origin).url))
        self.start(store, small_disk)
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
