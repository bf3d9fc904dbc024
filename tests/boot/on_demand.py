"""Machines that boot from an image of 60 GiB next to nothing of which is here."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from assisted_images.on_demand.block_file import BLOCKS
from demo.service import ServiceProcess
from tests.boot.booting import BootTestCase
from tests.boot.image import BuiltImage
from tests.boot.matrix import Cell
from tests.engines.nginx_origin import NginxOrigin

_SIZE = 60 << 30
_MOST = 0.05 * _SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAtOrigin(BuiltImage):
    """
    An image that stays where it is.

    @ivar url: where.
    @ivar data: the service's DATA_DIR.
    """

    url: str
    data: Path

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that has nothing yet."""
        return {
            "DATA_DIR": str(self.data),
            "OS_IMAGES": json.dumps([{**self.entry, "url": self.url, "fetch": "on-demand"}]),
            "MIN_ROOTFS_BYTES": str(len(self.rootfs)),
        }


class OnDemandBootTestCase(BootTestCase):
    """The image is as large as those for disconnected sites; what it has there is zeros."""

    def setUp(self) -> None:
        super().setUp()
        self.origin = NginxOrigin(self)
        self.data = Path(self.mktemp()).resolve()

    async def boot(self, cell: Cell) -> None:
        """As any other; then little of the image is here."""
        await super().boot(cell)
        [blocks] = self.data.glob(f"*{BLOCKS}")
        room = blocks.stat().st_blocks * 512
        self.assertLess(room, _MOST)
        self.assertEqual(set(self.origin.parts("rhcos.iso").values()), {1})

    async def serve(
        self, image: BuiltImage, ignition: bytes, *, tls: bool = False
    ) -> ServiceProcess:
        """The service, to which the image is new."""
        path = image.path.rename(self.origin.files / "rhcos.iso")
        os.truncate(path, _SIZE)
        url = self.origin.url(path.name)
        elsewhere = ImageAtOrigin(path, image.rootfs, image.variant, url=url, data=self.data)
        return await super().serve(elsewhere, ignition, tls=tls)
