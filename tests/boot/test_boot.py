"""A machine that boots what the service serves has its infra-env's configuration."""

from __future__ import annotations

import zlib
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.boot import machine
from tests.boot.booting import BootTestCase, boots, small_ignition
from tests.boot.image import S390X, VERSION, build_image
from tests.boot.machine import VirtualMachine
from tests.boot.matrix import ESSENTIAL
from tests.coreos_reader import CoreosIso

_GZIP = 31


@boots(ESSENTIAL)
class EssentialBootTests(BootTestCase):
    """The ways to boot that are most used; C{make boot-test} has all of them."""


class OriginalImageTests(TestCase):
    """An image as it was downloaded tells a machine nothing: so what it knows, the service told."""

    timeout = 240

    async def test_has_no_configuration(self) -> None:
        image = build_image(Path(self.mktemp()).resolve())
        console = await VirtualMachine(reactor).boot(*machine.cd(str(image.path)))
        self.assertIn("IGNITION CONFIG /config.ign: none", console)
        self.assertNotIn("RAMDISK FILE", console)
        self.assertNotIn("NMSTATECTL", console)
        self.assertIn("END OF REPORT", console)


class S390xTests(BootTestCase):
    """What s390x boots is in cdboot.img, or is an initrd whose size is told; no machine is here."""

    async def test_areas_and_initrd(self) -> None:
        ignition = small_ignition()
        image = build_image(Path(self.mktemp()).resolve(), 1 << 20, S390X)
        service = await self.serve(image, ignition)
        iso = CoreosIso(await self.downloaded(service.url(self.iso_path(S390X, "full.iso"))))
        self.assert_archive(iso.at(iso.ignition_area), ignition)
        own = iso.default_kernel_arguments.replace(" ignition.firstboot", "")
        own = own.replace("platform.id=metal", "platform.id=qemu")
        arguments = f"{own} {self.kernel_argument}"
        self.assertEqual(iso.kernel_arguments, {"images/cdboot.img": arguments})

        infra_env, query = f"/images/{self.infra_env_id}", f"?version={VERSION}&arch=s390x"
        initrd = await self.downloaded(service.url(f"{infra_env}/pxe-initrd{query}"))
        place = await self.downloaded(service.url(f"{infra_env}/s390x-initrd-addrsize{query}"))
        self.assert_archive(
            initrd.read_bytes()[iso.area("images/pxeboot/initrd.img")[1] :], ignition
        )
        address = iso.read("images/initrd.addrsize")[:8]
        self.assertEqual(place.read_bytes(), address + initrd.stat().st_size.to_bytes(8, "big"))

    def assert_archive(self, content: bytes, ignition: bytes) -> None:
        """A gzipped archive with the config begins there, at a multiple of 4 bytes."""
        archive = zlib.decompressobj(_GZIP).decompress(content.lstrip(b"\0"))
        self.assertIn(b"config.ign", archive)
        self.assertIn(ignition, archive)
