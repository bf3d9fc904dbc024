"""Machines that boot an image which the service has taken out of a release payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.service import ServiceProcess
from tests.boot.booting import BootTestCase, boots
from tests.boot.image import OPENSHIFT_VERSION, VERSION, BuiltImage
from tests.boot.matrix import BIOS, UEFI, Cell, Medium, Product
from tests.registries.case import X86_64, registries_conf, release_images
from tests.registries.payload import build_payload
from tests.registries.registry import start_registry


@dataclass(frozen=True, slots=True)
class PayloadImage(BuiltImage):
    """An image that the service has to find in a registry."""

    source: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that has nothing yet."""
        return {"MIN_ROOTFS_BYTES": str(len(self.rootfs)), **self.source}


@boots((Cell(BIOS, Medium.CD, Product.FULL), Cell(UEFI, Medium.CD, Product.MINIMAL)))
class PayloadBootTests(BootTestCase):
    """With C{RELEASE_IMAGES} and an empty DATA_DIR, what boots is the same."""

    async def serve(
        self, image: BuiltImage, ignition: bytes, *, tls: bool = False
    ) -> ServiceProcess:
        """The service, which has taken the image out of a payload."""
        registry = await start_registry(self)
        directory = Path(self.mktemp()).resolve()
        payload = build_payload(directory / "payload", registry.host, {X86_64: image.path})
        await payload.push(registry)
        conf = directory / "registries.conf"
        conf.write_text(registries_conf(registry.host))
        source = release_images(
            registry.host, X86_64, version=VERSION, openshift_version=OPENSHIFT_VERSION
        )
        source |= {"DATA_DIR": str(directory / "data"), "REGISTRIES_CONF": str(conf)}
        in_payload = PayloadImage(image.path, image.rootfs, image.variant, source)
        service = await super().serve(in_payload, ignition, tls=tls)
        self.assertEqual(
            (directory / "data" / image.path.name).read_bytes(), image.path.read_bytes()
        )
        return service
