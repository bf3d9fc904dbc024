"""A machine boots from the artifacts of an image of image management, by iPXE."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from demo.drivers import CARD
from demo.image_management.filling import Filling
from demo.image_management.guide import IPXE_SCRIPT, ipxe_script
from demo.image_management.samples import BOOT_PARAMETERS
from demo.ingredients import find_ingredients
from demo.service import ServiceProcess
from image_management.s3.objects import ObjectStore
from tests.boot.machine import HOST, VirtualMachine
from tests.engines.versitygw import start_versitygw
from tests.running import base_environment


class BootTests(TestCase):
    timeout = 240

    async def test_ipxe(self) -> None:
        """Kernel, initial ramdisk and root file system come from the service, whole."""
        s3 = await start_versitygw(self)
        service = ServiceProcess(
            cast(Any, reactor),
            base_environment()
            | {
                "S3_ENDPOINT": s3.access.endpoint,
                "S3_ACCESS_KEY": s3.access.access_key,
                "S3_SECRET_KEY": s3.access.secret_key,
                "IMS_DATA_DIR": self.mktemp(),
                "LISTEN_PORT": "0",
            },
            service="image-management",
        )
        self.addCleanup(service.stop, 30)
        await service.start(60)
        objects = ObjectStore(reactor, s3.access)
        self.addCleanup(objects.close)
        scratch, boot_files = (Path(self.mktemp()).resolve() for _ in range(2))
        scratch.mkdir()
        boot_files.mkdir()
        found = find_ingredients()
        image = await Filling(service, None, objects).image("boot-images", found, scratch)
        images = f"http://{HOST}:{service.ports['http']}/v3/images"
        (boot_files / IPXE_SCRIPT).write_text(ipxe_script(images))
        console = await VirtualMachine(reactor).boot(
            *("-uuid", image),
            *("-netdev", f"user,id=network,tftp={boot_files},bootfile={IPXE_SCRIPT}"),
            *("-device", f"{CARD},netdev=network,bootindex=1"),
        )
        rootfs = s3.client().get_object(Bucket="boot-images", Key=f"{image}/rootfs")["Body"].read()
        self.assertIn(f"ROOTFS: sha256 {hashlib.sha256(rootfs).hexdigest()}", console)
        root = f"root=live:{images}/{image}/artifacts/rootfs"
        self.assertIn(f"{root} {BOOT_PARAMETERS}", console)
