"""Downloads from real origins that misbehave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock, deferLater

from assisted_images.sources.downloads import Downloader
from assisted_images.sources.parts import DownloadError, NoSpace, Part
from assisted_images.streaming.threads import run_at_once, threads_of
from tests.sources.origin import Origin
from tests.sources.servers import (
    Answer,
    Received,
    ServerTestCase,
    always,
    response,
    trial_reactor,
)

CONTENT = bytes(range(256)) * 4096
"""One MiB."""


class DownloadTestCase(ServerTestCase):
    """One target, and as many attempts to download it as a test wants."""

    def setUp(self) -> None:
        self.target = Path(self.mktemp())
        self.progress: list[tuple[int, int | None]] = []
        self.clock = Clock()
        self.agent_, self.responses = self.noticing(self.agent())

    def downloader(self, run_in_thread: Any = run_at_once, **more: Any) -> Downloader:
        return Downloader(self.agent_, self.clock, run_in_thread, stall_seconds=60, **more)

    async def attempt(self, url: str, downloader: Downloader | None = None) -> bytes:
        """Download as far as it goes; what is in the part afterwards."""
        part = Part.open(self.target)
        self.part_path = part.path
        try:
            await (downloader or self.downloader()).download(
                url, part, lambda present, total: self.progress.append((present, total))
            )
        finally:
            part.close()
        return part.path.read_bytes()

    async def refusal(self, url: str, kind: type[Exception] = DownloadError) -> str:
        return await self.failure(self.attempt(url), kind)


class WholeTests(DownloadTestCase):
    """Downloads that nothing disturbs."""

    async def test_content(self) -> None:
        origin = Origin(CONTENT)
        server = self.serve(origin)
        self.assertEqual(await self.attempt(server.url + "/image.iso"), CONTENT)
        self.assertEqual(self.progress[0], (0, len(CONTENT)))
        self.assertEqual(self.progress[-1], (len(CONTENT), len(CONTENT)))
        self.assertEqual(self.part_path.stat().st_mtime, 86400)
        self.assertEqual(server.requests[0].headers["accept-encoding"], "identity")

    async def test_in_threads(self) -> None:
        content = CONTENT * 20
        server = self.serve(Origin(content))
        downloader = self.downloader(threads_of(trial_reactor()))
        self.assertEqual(await self.attempt(server.url, downloader), content)

    async def test_without_a_length(self) -> None:
        """Chunked, or ended by the connection."""
        for origin in [Origin(CONTENT, chunked=True), Origin(CONTENT, length=False)]:
            self.setUp()
            self.assertEqual(await self.attempt(self.serve(origin).url), CONTENT)
            self.assertEqual(self.progress[-1], (len(CONTENT), None))

    async def test_slow_disk(self) -> None:
        """The connection waits for the disk; what waits in memory is bounded."""
        content = CONTENT * 64
        server = self.serve(Origin(content))
        largest = 0

        def slow(function: Any, *arguments: Any) -> Deferred[Any]:
            nonlocal largest
            if function.__name__ != "append":
                return run_at_once(function, *arguments)
            largest = max(largest, sum(map(len, arguments[0])))
            return Deferred.fromCoroutine(after_many_turns(function, *arguments))

        async def after_many_turns(function: Any, *arguments: Any) -> None:
            for _ in range(50):
                await deferLater(trial_reactor(), 0)
            function(*arguments)

        self.assertEqual(await self.attempt(server.url, self.downloader(slow)), content)
        self.assertLess(largest, 2 * 1024 * 1024)
        self.assertGreater(largest, 512 * 1024)

    async def test_headers_and_parameters(self) -> None:
        server = self.serve(Origin(CONTENT))
        downloader = self.downloader(headers={"X-Key": "swordfish"}, parameters={"a": "b&"})
        await self.attempt(server.url + "/x?q=1", downloader)
        [received] = server.requests
        self.assertEqual(received.target, "/x?q=1&a=b%26")
        self.assertEqual(received.headers["x-key"], "swordfish")
        self.assertNotIn("swordfish", repr(downloader))

    async def test_userinfo(self) -> None:
        """Becomes the Authorization header, as Go's client does it."""
        server = self.serve(Origin(CONTENT))
        await self.attempt(server.url.replace("//", "//Aladdin:open%20sesame@"))
        [received] = server.requests
        self.assertEqual(received.headers["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        self.assertEqual(received.headers["host"], f"127.0.0.1:{server.port}")


class RedirectTests(DownloadTestCase):
    """Following redirects without giving secrets away."""

    def redirecting(self, target: str) -> Answer:
        return always(response("302 Found", Location=target))

    async def test_secrets_stay_with_their_origin(self) -> None:
        server = self.serve(Origin(CONTENT))
        first = self.serve(self.redirecting(server.url + "/elsewhere"))
        downloader = self.downloader(headers={"X-Key": "k"}, parameters={"token": "t"})
        url = first.url.replace("//", "//user:pass@")
        self.assertEqual(await self.attempt(url, downloader), CONTENT)
        self.assertEqual(first.requests[0].headers["x-key"], "k")
        self.assertIn("authorization", first.requests[0].headers)
        [received] = server.requests
        self.assertEqual(received.target, "/elsewhere")
        self.assertNotIn("x-key", received.headers)
        self.assertNotIn("authorization", received.headers)

    async def test_within_one_origin(self) -> None:
        origin = Origin(CONTENT)

        def answer(received: Received, transport: ITCPTransport) -> None:
            if received.path == "/first":
                transport.write(response("307 Temporary Redirect", Location="second"))
            else:
                origin(received, transport)

        server = self.serve(answer)
        await self.attempt(server.url + "/first", self.downloader(headers={"X-Key": "k"}))
        self.assertEqual(server.requests[1].path, "/second")
        self.assertEqual(server.requests[1].headers["x-key"], "k")

    async def test_relative_to_the_last(self) -> None:
        """A relative redirect is relative to where it came from, not to the first URL."""
        origin = Origin(CONTENT)

        def answer(received: Received, transport: ITCPTransport) -> None:
            if received.path == "/a":
                transport.write(response("302 Found", Location="/b"))
            else:
                origin(received, transport)

        second = self.serve(answer)
        first = self.serve(self.redirecting(second.url + "/a"))
        self.assertEqual(await self.attempt(first.url), CONTENT)
        self.assertEqual([received.path for received in second.requests], ["/a", "/b"])

    async def test_for_ever(self) -> None:
        server = self.serve(self.redirecting("/x?swordfish"))
        text = await self.refusal(server.url + "/x?swordfish")
        self.assertEqual(text, f"more than 10 redirects from {server.url}/x")


class TroubleTests(DownloadTestCase):
    """Failures are clear, and hold no secret."""

    async def test_http_errors(self) -> None:
        server = self.serve(always(response("404 Not Found", b"swordfish")))
        url = server.url.replace("//", "//user:swordfish@") + "/x.iso?token=swordfish"
        self.assertEqual(await self.refusal(url), f"404 Not Found for {server.url}/x.iso")

    async def test_unreachable(self) -> None:
        text = await self.refusal("http://127.0.0.1:1/x?swordfish")
        self.assertEqual(text, "http://127.0.0.1:1/x cannot be had: connection refused")

    async def test_truncated(self) -> None:
        """With its length right or chunked, the tail is missing."""
        for chunked in [False, True]:
            self.setUp()
            server = self.serve(Origin(CONTENT, chunked=chunked, break_after=1000))
            text = await self.refusal(server.url)
            self.assertEqual(text, "the connection broke after 1000 bytes")
            self.assertEqual(self.part_path.read_bytes(), CONTENT[:1000])

    async def test_stalled_before_the_answer(self) -> None:
        server = self.serve(lambda received, transport: None)
        running = Deferred.fromCoroutine(self.attempt(server.url + "/x?swordfish"))
        await server.arrivals.get()
        self.clock.advance(60)
        error = await self.assertFailure(running, DownloadError)
        self.assertEqual(str(error), f"{server.url}/x did not answer within 60 s")
        await server.all_connections_lost()

    async def test_stalled_in_the_body(self) -> None:
        server = self.serve(Origin(CONTENT, stall_after=1000))
        running = Deferred.fromCoroutine(self.attempt(server.url))
        await self.responses.get()
        for _ in range(7):
            self.clock.advance(10)
        error = await self.assertFailure(running, DownloadError)
        self.assertEqual(str(error), "nothing has arrived for 60 s")
        await server.all_connections_lost()

    async def test_cancelled(self) -> None:
        """Before the answer and within the body; the connection closes."""
        silent: Answer = lambda received, transport: None  # noqa: E731
        origins: list[Answer] = [silent, Origin(CONTENT, stall_after=1000)]
        for origin in origins:
            self.setUp()
            server = self.serve(origin)
            running = Deferred.fromCoroutine(self.attempt(server.url))
            await (self.responses if isinstance(origin, Origin) else server.arrivals).get()
            running.cancel()
            await self.assertFailure(running, CancelledError)
            await server.all_connections_lost()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_no_space(self) -> None:
        """Known before the first byte is written."""
        server = self.serve(always(response(body=b"x", length=2**62)))
        text = await self.refusal(server.url, NoSpace)
        self.assertIn(f"{2**62} bytes are to come", text)
        await server.all_connections_lost()

    async def test_broken_disk(self) -> None:
        def broken(function: Any, *arguments: Any) -> Deferred[Any]:
            if function.__name__ == "append":
                raise_error: Any = OSError(28, "No space left on device")
                failing: Deferred[Any] = Deferred()
                failing.errback(raise_error)
                return failing
            return run_at_once(function, *arguments)

        server = self.serve(Origin(CONTENT, stall_after=1000))
        text = await self.failure(self.attempt(server.url, self.downloader(broken)), OSError)
        self.assertIn("No space left", text)
        await server.all_connections_lost()


class ResumeTests(DownloadTestCase):
    """What is on disk is not asked for again, and never glued to something else."""

    async def broken_off(self, origin: Origin) -> str:
        """Get the first 1000 bytes; the URL."""
        url = self.serve(origin).url
        origin.break_after = 1000
        await self.refusal(url)
        origin.break_after = None
        origin.asked.clear()
        self.progress.clear()
        return url

    async def test_goes_on(self) -> None:
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000])
        self.assertEqual(self.progress[0], (1000, len(CONTENT)))

    async def test_by_date(self) -> None:
        """Without an entity tag a date will do, when it is a strong validator."""
        origin = Origin(CONTENT, etag=None)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000])

    async def test_weak_validators(self) -> None:
        """Nothing that could be equal for different bytes is gone on with."""
        for origin in [
            Origin(CONTENT, etag='W/"one"', last_modified=None),
            Origin(CONTENT, etag=None, last_modified=None),
            Origin(CONTENT, etag=None, date=None),
            Origin(CONTENT, etag=None, date="Fri, 02 Jan 1970 00:00:00 GMT"),
        ]:
            self.setUp()
            url = await self.broken_off(origin)
            self.assertEqual(await self.attempt(url), CONTENT)
            self.assertEqual(origin.asked, [0])

    async def test_changed(self) -> None:
        """The origin has another file now: from zero."""
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        origin.etag, origin.content = '"two"', CONTENT[::-1]
        self.assertEqual(await self.attempt(url), CONTENT[::-1])

    async def test_changed_and_if_range_ignored(self) -> None:
        """The 206 is of another file: it is seen by its validators, or its size."""
        for etag, content in [('"two"', CONTENT[::-1]), (None, CONTENT[::-1] + b"x")]:
            self.setUp()
            origin = Origin(CONTENT, if_range=False)
            url = await self.broken_off(origin)
            origin.etag, origin.content = etag, content
            self.assertEqual(await self.attempt(url), content)
            self.assertEqual(origin.asked, [1000, 0])

    async def test_no_ranges(self) -> None:
        origin = Origin(CONTENT, ranges=False)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [0])

    async def test_other_url(self) -> None:
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url + "/other"), CONTENT)
        self.assertEqual(origin.asked, [0])

    async def test_nothing_missing(self) -> None:
        """Killed between the last byte and the rename: nobody is asked anything."""
        origin = Origin(CONTENT)
        url = self.serve(origin).url
        await self.attempt(url)
        origin.asked.clear()
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [])
        self.assertEqual(self.progress[-1], (len(CONTENT), len(CONTENT)))

    async def test_nothing_missing_of_an_unknown_length(self) -> None:
        """The origin says so with a 416."""
        origin = Origin(CONTENT, chunked=True)
        url = self.serve(origin).url
        await self.attempt(url)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [0, len(CONTENT)])

    async def test_shrunk(self) -> None:
        """A 416 because the file has become shorter: from zero."""
        origin = Origin(CONTENT, if_range=False)
        url = await self.broken_off(origin)
        origin.content = CONTENT[:500]
        self.assertEqual(await self.attempt(url), CONTENT[:500])
        self.assertEqual(origin.asked, [1000, 0])

    async def test_trouble_at_the_origin(self) -> None:
        """A passing 503 does not cost what is there."""
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        origin.busy = True
        self.assertIn("503 Service Unavailable", await self.refusal(url))
        origin.busy = False
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000, 1000])

    async def test_many_breaks(self) -> None:
        """Each attempt adds to the last; no byte is sent twice."""
        origin = Origin(CONTENT, break_after=100_000)
        url = self.serve(origin).url
        for _ in range(10):
            await self.refusal(url)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [100_000 * index for index in range(11)])
