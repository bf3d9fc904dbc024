"""Every client gets the same bytes, however it asks and on either listener."""

from __future__ import annotations

import hashlib
import os
import random
from itertools import pairwise
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.http_headers import Headers

from tests.clients.serving import Serving, ServingTestCase
from tests.running import run

_RANGES = 1000
_CONNECTIONS = 4


class DownloadTests(ServingTestCase):
    """curl, wget, aria2 over 8 connections, and 1000 ranges in any order, glued together."""

    async def assert_same_for_all(self, file: str, scheme: str) -> None:
        serving = await self.serve()
        url, authority = serving.url(file, scheme), serving.authority
        directory = Path(self.mktemp())
        directory.mkdir()
        curl, wget, aria2 = (directory / name for name in ("curl", "wget", "aria2"))
        resumed = directory / "resumed"
        await run("curl", "--fail", "--silent", "--cacert", authority, "--output", curl, url)
        expected = digest(curl)
        await run(
            "wget", "--quiet", f"--ca-certificate={authority}", "--output-document", wget, url
        )
        await run(
            "aria2c", "--quiet", f"--ca-certificate={authority}", "--split=8",
            "--max-connection-per-server=8", "--min-split-size=1M", "--file-allocation=none",
            f"--dir={directory}", "--out=aria2", url,
        )  # fmt: skip
        resumed.write_bytes(curl.read_bytes()[: curl.stat().st_size // 3])
        await run(
            "curl", "--fail", "--silent", "--cacert", authority, "--continue-at", "-",
            "--output", resumed, url,
        )  # fmt: skip
        glued = directory / "glued"
        await self.download_by_ranges(serving, url, curl.stat().st_size, glued)
        for download in (wget, aria2, resumed, glued):
            self.assertEqual(digest(download), expected, f"{download.name} of {url}")

        checksum = directory / f"{file}.sha256"
        curl.rename(directory / file)
        await run(
            "curl", "--fail", "--silent", "--cacert", authority, "--output", checksum,
            f"{url}.sha256",
        )  # fmt: skip
        checked = await run("sha256sum", "--check", "--strict", checksum.name, directory=directory)
        self.assertEqual(checked, f"{file}: OK\n".encode())

    async def download_by_ranges(self, serving: Serving, url: str, size: int, target: Path) -> None:
        """All of the image by consecutive ranges of random sizes, asked for in random order."""
        chance = random.Random(size)
        cuts = [0, *sorted(chance.sample(range(1, size), _RANGES - 1)), size]
        ranges = list(pairwise(cuts))
        chance.shuffle(ranges)
        client = self.client(serving)
        with target.open("wb") as glued:

            async def fetch(ours: list[tuple[int, int]]) -> None:
                for start, end in ours:
                    headers = Headers({"Range": [f"bytes={start}-{end - 1}"]})
                    response = await client.get(url, headers=headers)
                    content = await response.content()
                    self.assertEqual(response.code, 206)
                    self.assertEqual(
                        response.headers.getRawHeaders("Content-Range"),
                        [f"bytes {start}-{end - 1}/{size}"],
                    )
                    self.assertEqual(len(content), end - start)
                    os.pwrite(glued.fileno(), content, start)

            await gatherResults(
                [
                    Deferred.fromCoroutine(fetch(ranges[number::_CONNECTIONS]))
                    for number in range(_CONNECTIONS)
                ],
                consumeErrors=True,
            )

    def client(self, serving: Serving) -> HTTPClient:
        """A client that keeps its connections, and closes them when the test is over."""
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = _CONNECTIONS
        self.addCleanup(pool.closeCachedConnections)
        authority = Certificate.loadPEM(serving.authority.read_bytes())
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([authority]))
        return HTTPClient(Agent(reactor, policy, pool=pool))

    async def test_full_iso_plain(self) -> None:
        await self.assert_same_for_all("full.iso", "http")

    async def test_full_iso_tls(self) -> None:
        await self.assert_same_for_all("full.iso", "https")

    async def test_minimal_iso_plain(self) -> None:
        await self.assert_same_for_all("minimal.iso", "http")

    async def test_minimal_iso_tls(self) -> None:
        await self.assert_same_for_all("minimal.iso", "https")


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
