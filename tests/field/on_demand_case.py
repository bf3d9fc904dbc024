"""The real service with images that stay at their origin, nginx."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assisted_images.on_demand.block_file import BLOCKS
from demo.service import ServiceProcess
from tests.engines.nginx_origin import NginxOrigin
from tests.field.images import os_images
from tests.field.service import FieldTestCase

ON_DEMAND = {"IMAGE_FETCH": "on-demand"}


class OnDemandCase(FieldTestCase):
    """An origin with images."""

    def setUp(self) -> None:
        super().setUp()
        self.origin = NginxOrigin(self)

    def put(self, name: str, content: bytes, size: int | None = None) -> Path:
        """
        Have the origin have a file.

        @param size: bytes, if it is to have more than C{content}: zeros.
        """
        path = self.origin.files / name
        path.write_bytes(content)
        os.truncate(path, size or len(content))
        return path

    def images(self, *versions: str) -> dict[str, str]:
        """The settings of images of these versions, C{<version>.iso} at the origin."""
        urls = ({"version": each, "url": self.origin.url(f"{each}.iso")} for each in versions)
        return os_images(*urls) | ON_DEMAND

    async def start_with(self, *versions: str, **settings: str) -> ServiceProcess:
        """The service with L{images}, which are ready."""
        return await self.start(self.images(*versions) | settings, healthy=True)

    async def part(self, service: ServiceProcess, start: int, length: int, path: str = "") -> bytes:
        """Some bytes of the first image's full ISO, or of another path."""
        wanted = {"Range": f"bytes={start}-{start + length - 1}"}
        got = await self.get(service, path or self.full_iso(), wanted)
        self.assertEqual(got.status, 206)
        self.assertEqual(len(got.body), length)
        return got.body

    def room(self) -> int:
        """Bytes that all blocks take on the disk."""
        return sum(path.stat().st_blocks * 512 for path in self.data.glob(f"*{BLOCKS}"))

    def assert_asked_once(self, name: str) -> None:
        self.assertEqual(set(self.origin.parts(name).values()), {1})


def is_ready(event: Mapping[str, Any]) -> bool:
    """Whether it is of an image that has become ready."""
    return bool(event["state"] == "ready")
