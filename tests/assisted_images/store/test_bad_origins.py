"""Origins that misbehave: one bad image never stops the others."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ITCPTransport

from assisted_images.store.images import ImageState
from tests.assisted_images.downloads.origin import Origin
from tests.assisted_images.store.case import StoreTestCase
from tests.assisted_images.store.images import entry, os_image
from tests.httpd.outbound.servers import Received, always, response


class BadOriginTests(StoreTestCase):
    """Each failure is told, and tried again in its time."""

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
        self.assertEqual([image.ready is None for image in store.images], [True] * 4 + [False])
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

    async def test_left_alone(self) -> None:
        """As long as the origin asks for, in seconds or as a date, but not for ever."""
        date = "Fri, 02 Jan 1970 00:00:00 GMT"
        cases: list[tuple[str, dict[str, Any], int]] = [
            ("503 Busy", {"Retry-After": "120"}, 120),
            ("429 Slow down", {"Retry-After": "120"}, 120),
            ("503 Busy", {"Retry-After": "Fri, 02 Jan 1970 00:02:00 GMT", "Date": date}, 120),
            ("503 Busy", {"Retry-After": "2"}, 5),
            ("503 Busy", {"Retry-After": "86400"}, 3600),
            ("503 Busy", {"Retry-After": "9" * 5000}, 5),
            ("503 Busy", {"Retry-After": "-5"}, 5),
            ("503 Busy", {"Retry-After": "soon"}, 5),
            ("503 Busy", {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT", "Date": date}, 5),
            ("503 Busy", {"Retry-After": date}, 5),
            ("404 Not Found", {"Retry-After": "120"}, 5),
        ]
        for status, fields, wait in cases:
            server = self.serve(always(response(status, **fields)))
            store = self.store(entry(server.url, f"{wait}.{len(fields)}"))
            self.start(store)
            [image] = store.images
            await self.until(lambda image=image: image.state is ImageState.FAILED)  # type: ignore[misc]
            assert image.next_try is not None
            self.assertEqual(image.next_try - self.clock.seconds(), wait, fields)

    async def test_left_alone_once(self) -> None:
        """What was asked for counts for that failure; then it is tried as ever."""
        answers = [response("503 Busy", Retry_After="120"), response("503 Busy")]
        server = self.serve(lambda received, transport: transport.write(answers.pop(0)))
        store = self.store(entry(server.url))
        self.start(store)
        [image] = store.images
        await self.until(lambda: image.state is ImageState.FAILED)
        self.clock.advance(119)
        self.assertEqual(len(server.requests), 1)
        self.clock.advance(1)
        await self.until(lambda: len(server.requests) == 2 and image.state is ImageState.FAILED)
        self.assertEqual((image.next_try or 0) - self.clock.seconds(), 10)

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
