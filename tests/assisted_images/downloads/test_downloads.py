"""Downloads from real origins that misbehave."""

from __future__ import annotations

import gzip
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import deferLater

from assisted_images.downloads.downloader import TooLarge
from assisted_images.downloads.parts import NoSpace
from httpd.concurrency.threads import run_at_once, threads_of
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
from tests.assisted_images.downloads.downloading import CONTENT, DownloadTestCase
from tests.assisted_images.downloads.origin import Origin
from tests.httpd.outbound.servers import (
    Answer,
    Received,
    always,
    response,
    trial_reactor,
)


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


class ProxiedTests(DownloadTestCase):
    """Trouble behind a proxy names the proxy, and not who one is there."""

    async def behind(self, answer: Answer | None, url: str, *, seconds: int = 0) -> str:
        """What is said where a proxy answers so, or not at all."""
        proxy = self.serve(answer or always(b""))
        port = proxy.port if answer else 1
        self.proxy = f" by way of the proxy http://127.0.0.1:{port}"
        place = f"me:s3cr3t@127.0.0.1:{port}"
        self.agent_, self.responses = self.noticing(self.agent(None, Proxies.of(place, place)))
        running = Deferred.fromCoroutine(self.attempt(url))
        if seconds:
            await (proxy.arrivals.get() if answer is _silent else self.responses.get())
            self.clock.pump([10] * (seconds // 10))
        error = await self.assertFailure(running, DownloadError)
        self.assertNotIn("s3cr3t", str(error))
        return str(error)

    async def test_no_proxy(self) -> None:
        for url in ("http://a.example/x", "https://a.example/x"):
            text = await self.behind(None, url)
            self.assertEqual(text, f"{url} cannot be had{self.proxy}: connection refused")

    async def test_refused(self) -> None:
        refuse = always(response("407 Proxy Authentication Required"))
        text = await self.behind(refuse, "http://a.example/x")
        expected = "407 Proxy Authentication Required for http://a.example/x"
        self.assertEqual(text, expected + self.proxy)
        text = await self.behind(refuse, "https://a.example/x")
        self.assertIn(f"https://a.example/x cannot be had{self.proxy}: the proxy answered", text)

    async def test_redirected(self) -> None:
        """The way of the request that failed counts."""
        redirect = always(response("302 Found", Location="http://127.0.0.1:1/"))
        text = await self.behind(redirect, "http://a.example/x")
        self.assertEqual(text, "http://127.0.0.1:1/ cannot be had: connection refused")

    async def test_silent(self) -> None:
        text = await self.behind(_silent, "http://a.example/x", seconds=60)
        self.assertEqual(text, f"http://a.example/x did not answer{self.proxy} within 60 s")

    async def test_broken_off(self) -> None:
        text = await self.behind(Origin(CONTENT, break_after=1000), "http://a.example/x")
        self.assertEqual(text, f"the connection broke after 1000 bytes{self.proxy}")
        stalling = Origin(CONTENT, stall_after=1000)
        text = await self.behind(stalling, "http://b.example/x", seconds=70)
        self.assertEqual(text, f"nothing has arrived for 60 s{self.proxy}")


def _silent(received: Received, transport: ITCPTransport) -> None:
    """Never answer."""


class TroubleTests(DownloadTestCase):
    """Failures are clear, and hold no secret."""

    async def test_http_errors(self) -> None:
        server = self.serve(always(response("404 Not Found", b"swordfish")))
        url = server.url.replace("//", "//user:swordfish@") + "/x.iso?token=swordfish"
        self.assertEqual(await self.refusal(url), f"404 Not Found for {server.url}/x.iso")

    async def test_unreachable(self) -> None:
        text = await self.refusal("http://127.0.0.1:1/x?swordfish")
        self.assertEqual(text, "http://127.0.0.1:1/x cannot be had: connection refused")

    async def test_coded(self) -> None:
        """An image with a content coding, which was not asked for, is none; nothing is kept."""
        for coding in ("gzip", "br", "identity, gzip"):
            coded = response(body=gzip.compress(CONTENT), Content_Encoding=coding)
            server = self.serve(always(coded))
            text = await self.refusal(server.url)
            self.assertIn(f"its answer has the content coding '{coding}'; expected none", text)
            self.assertEqual(self.part_path.read_bytes(), b"")
            self.assertEqual(server.requests[0].headers["accept-encoding"], "identity")

    async def test_ipv6(self) -> None:
        server = self.serve(Origin(CONTENT), address="::1")
        self.assertEqual(await self.attempt(f"{server.url}/x.iso"), CONTENT)

    async def endless(self, origin: Answer) -> None:
        """It is cut, and nothing of it stays."""
        server = self.serve(origin)
        text = await self.failure(self.attempt(server.url, most=100_000), TooLarge)
        self.assertEqual(text, "the origin sends more than 100000 bytes; expected an OS image")
        self.assertEqual(list(self.target.parent.glob(f"{self.target.name}*")), [])
        self.assertLess(max(present for present, _ in self.progress), 100_001)
        await server.all_connections_lost()

    async def test_without_end(self) -> None:
        """A body that says nothing of its length, and goes on and on."""
        piece = bytes(30_000)
        for head, frame in [
            (b"HTTP/1.1 200 OK\r\n\r\n", piece),
            (b'HTTP/1.1 200 OK\r\nETag: "x"\r\n\r\n', piece),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"%x\r\n%b\r\n" % (len(piece), piece),
            ),
        ]:

            def answer(
                received: Received,
                transport: ITCPTransport,
                head: bytes = head,
                frame: bytes = frame,
            ) -> None:
                transport.write(head + frame * 4)

            await self.endless(answer)

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
                function(*arguments)
                raise_error: Any = OSError(28, "No space left on device")
                failing: Deferred[Any] = Deferred()
                failing.errback(raise_error)
                return failing
            return run_at_once(function, *arguments)

        # What cannot be gone on with later keeps no room from others.
        for etag, kept in (('"one"', True), (None, False), ('W/"one"', False)):
            self.setUp()
            server = self.serve(Origin(CONTENT, etag, None, stall_after=1000))
            text = await self.failure(self.attempt(server.url, self.downloader(broken)), OSError)
            self.assertIn("No space left", text)
            self.assertEqual(self.part_path.exists(), kept)
            await server.all_connections_lost()
