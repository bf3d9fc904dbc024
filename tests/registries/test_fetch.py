"""C{assisted-images fetch} and C{verify} with images out of release payloads."""

from __future__ import annotations

import filecmp
import json
from typing import Any

from tests.field.command_case import CommandTestCase
from tests.field.images import SMALLEST
from tests.registries.case import BOTH, release_images, small_isos
from tests.registries.payload import RELEASE
from tests.registries.service import ReleaseServiceTestCase, file_name


class FetchTests(ReleaseServiceTestCase, CommandTestCase):
    async def rows(self, command: str, **environment: str) -> list[Any]:
        output, _ = await self.run_command(
            command, "--json", status=0, DATA_DIR=str(self.data), **environment
        )
        rows: list[Any] = json.loads(output)
        return rows

    async def test_before_a_service(self) -> None:
        """Which asks no registry then; and what it has is seen to be of the release."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        settings = {
            **SMALLEST,
            **release_images(registry.host),
            **self.insecure(registry.host),
        }
        rows = await self.rows("fetch", **settings)
        self.assertEqual([row["right"] for row in rows], [True, True])
        for architecture, original in small_isos().items():
            path = self.data / file_name(architecture)
            self.assertTrue(filecmp.cmp(path, original, shallow=False))
        await registry.kill()
        self.assertEqual(len(await self.rows("fetch", **settings)), len(BOTH))
        rows = await self.rows("verify", **settings)
        self.assertEqual({row["what"] for row in rows}, {f"image {RELEASE} {a}" for a in BOTH})
        await self.start(settings, healthy=True)
