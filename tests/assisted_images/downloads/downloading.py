"""Attempts to download one file from real origins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from assisted_images.downloads.downloader import Downloader
from assisted_images.downloads.parts import Part
from httpd.concurrency.threads import run_at_once
from httpd.outbound.failures import DownloadError
from tests.httpd.outbound.servers import (
    ServerTestCase,
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

    async def attempt(self, url: str, downloader: Downloader | None = None, **more: Any) -> bytes:
        """Download as far as it goes; what is in the part afterwards."""
        part = Part.open(self.target)
        self.part_path = part.path
        try:
            await (downloader or self.downloader()).download(
                url, part, lambda present, total: self.progress.append((present, total)), **more
            )
        finally:
            part.close()
        return part.path.read_bytes()

    async def refusal(self, url: str, kind: type[Exception] = DownloadError) -> str:
        return await self.failure(self.attempt(url), kind)
