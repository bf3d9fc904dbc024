"""Blobs that do not come in one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import trustme
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.web.iweb import IResponse

from assisted_images.downloads.parts import Part
from assisted_images.downloads.room import Room
from assisted_images.registries.registry import Registries
from assisted_images.registries.releases import (
    ReleaseDownloader,
    ReleaseIso,
)
from assisted_images.registries.requests import RegistryRequests
from httpd.outbound.failures import DownloadError
from tests.httpd.outbound.servers import Received, response, trial_reactor
from tests.registries.case import (
    SOURCE,
    X86_64,
    ClientTestCase,
    registries_conf,
    release_at,
)
from tests.registries.registry import Registry


class InterruptedTests(ClientTestCase):
    """
    Blobs that do not come in one piece.

    @ivar gone: whether large blobs have been removed from the registry.
    """

    gone = False

    async def halved(self, *, ranges: bool = True) -> tuple[Registries, Registry, list[str | None]]:
        """
        A registry behind something that breaks each response to a first request for a large blob
        in its middle.

        @return: and the C{Range} of each request for a large blob.
        """
        registry = await self.registry()
        payload = await self.small_payload(SOURCE, registry)
        asked: list[str | None] = []
        blobs = {
            layer.digest: registry.blob(layer.digest).read_bytes()
            for layer in payload.layers[X86_64]
        }

        def front(received: Received, transport: ITCPTransport) -> None:
            blob = blobs.get(received.path.rpartition("/")[2])
            if blob is None:
                transport.write(
                    response("307 Elsewhere", Location=f"http://{registry.host}{received.target}")
                )
                return
            wanted = received.headers.get("range")
            asked.append(wanted)
            if self.gone:
                transport.write(response("404 Not Found"))
                return
            start = int(wanted[6:-1]) if wanted and ranges else 0
            rest = blob[start:]
            status, more = "200 OK", {}
            if start:
                status = "206 Partial Content"
                more = {"Content_Range": f"bytes {start}-{len(blob) - 1}/{len(blob)}"}
            first = len(asked) == 1
            sent = rest[: len(rest) // 2] if first else rest
            transport.write(response(status, sent, length=len(rest), **more))
            if first:
                transport.loseConnection()

        server = self.serve(front, trustme.CA().issue_cert("localhost"))
        conf = registries_conf(SOURCE, f"localhost:{server.port}", blocked=True)
        return self.registries(conf=conf), registry, asked

    async def test_goes_on(self) -> None:
        """The next attempt asks for the rest, and the part file may have been closed meanwhile."""
        registries, _, asked = await self.halved()
        downloader, directory = ReleaseDownloader(registries, Room()), self.directory()
        text = await self.failure(self.attempt(downloader, directory), DownloadError)
        self.assertIn("the connection broke after", text)
        await self.attempt(downloader, directory)
        self.assertEqual((directory / "image.iso.part").read_bytes(), self.iso())
        self.assertEqual(len(asked), 2)
        self.assertIsNone(asked[0])
        self.assertRegex(asked[1] or "", r"bytes=[1-9]\d*-")

    async def attempt(self, downloader: ReleaseDownloader, directory: Path) -> ReleaseIso:
        part = Part.open(directory / "image.iso")
        try:
            return await downloader.download(
                release_at(SOURCE), X86_64, part, lambda present, total: None
            )
        finally:
            part.close()

    async def test_no_ranges(self) -> None:
        """A registry without ranges sends all again: what is known already is passed over."""
        registries, _, asked = await self.halved(ranges=False)
        downloader, directory = ReleaseDownloader(registries, Room()), self.directory()
        await self.failure(self.attempt(downloader, directory), DownloadError)
        await self.attempt(downloader, directory)
        self.assertEqual((directory / "image.iso.part").read_bytes(), self.iso())
        self.assertEqual(len(asked), 2)

    async def test_gone(self) -> None:
        """An image that has been removed meanwhile may be another one by now: all begins anew."""
        registries, _, asked = await self.halved()
        downloader, directory = ReleaseDownloader(registries, Room()), self.directory()
        await self.failure(self.attempt(downloader, directory), DownloadError)
        self.gone = True
        text = await self.failure(self.attempt(downloader, directory), DownloadError)
        self.assertIn("(404)", text)
        self.assertEqual(list(directory.iterdir()), [])
        self.gone = False
        await self.attempt(downloader, directory)
        self.assertEqual(asked[0::2], [None, None])
        self.assertNotEqual(asked[1], None)

    async def test_other_part(self) -> None:
        """A part that is not as it was left is not gone on with."""
        registries, _, asked = await self.halved()
        downloader, directory = ReleaseDownloader(registries, Room()), self.directory()
        await self.failure(self.attempt(downloader, directory), DownloadError)
        with (directory / "image.iso.part").open("ab") as file:
            file.write(b"from somebody else")
        await self.attempt(downloader, directory)
        self.assertEqual((directory / "image.iso.part").read_bytes(), self.iso())
        self.assertEqual(asked, [None, None])

    async def test_another_process(self) -> None:
        """What another process has begun is begun again."""
        registries, _, asked = await self.halved()
        directory = self.directory()
        room = Room()
        first = self.attempt(ReleaseDownloader(registries, room), directory)
        await self.failure(first, DownloadError)
        await self.attempt(ReleaseDownloader(registries, room), directory)
        self.assertEqual((directory / "image.iso.part").read_bytes(), self.iso())
        self.assertEqual(asked, [None, None])

    async def test_next_mirror_goes_on(self) -> None:
        """What one place has begun the next one goes on with."""
        _, registry, asked = await self.halved()
        del asked[:]
        server_conf, _, asked = await self.halved()
        mirrors = server_conf.mirrors.places(release_at(SOURCE))
        conf = registries_conf(SOURCE, mirrors[0].spec.registry, registry.host, blocked=True)
        self.assertEqual(await self.download(self.registries(conf=conf), SOURCE), self.iso())
        self.assertEqual(asked, [None])
        self.assertIn(206, [access.status for access in registry.accesses])

    async def test_cancelled(self) -> None:
        """At any time: nothing goes on afterwards."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        conf = registries_conf(registry.host)
        for count in range(1, 12):
            registries = self.registries(conf=conf)
            requests = CancellingRequests(registries.requests, count)
            running = Deferred.fromCoroutine(
                self.download(replace(registries, requests=cast(Any, requests)), registry.host)
            )
            requests.cancel = running.cancel
            try:
                await running
            except CancelledError:
                continue
            self.assertGreater(count, requests.made)
            return
        raise AssertionError("it never came to its end")


class CancellingRequests:
    """Requests to registries; with one of them its own download is cancelled."""

    def __init__(self, requests: RegistryRequests, last: int) -> None:
        self.made = 0
        self.cancel: Callable[[], None] = lambda: None
        self._requests = requests
        self._last = last

    async def get(self, *arguments: Any) -> IResponse:
        self.made += 1
        if self.made == self._last:
            trial_reactor().callLater(0, self._cancel)
        return await self._requests.get(*arguments)

    def _cancel(self) -> None:
        # Whom to cancel is known only after the first request.
        self.cancel()
