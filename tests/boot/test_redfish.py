"""
Virtual media: a BMC fetches an ISO by its URL, and a machine boots it, as Ironic's client says.

The BMC is the emulator of sushy-tools; nobody here has written it, or the client.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import sushy
from sushy.resources.manager.virtual_media import VirtualMedia
from sushy.resources.system.system import System
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from assisted_images.routes.signed_urls import SignedUrls
from demo.ramdisk import compressed_ramdisk
from demo.service import ServiceProcess
from tests.boot import machine
from tests.boot.booting import BootTestCase, small_ignition
from tests.boot.image import VERSION, build_image
from tests.boot.machine import VirtualMachine
from tests.boot.matrix import Cell, Firmware, Medium, Product
from tests.engines.redfish import RedfishEmulator
from tests.running import run

_KEY = bytes(range(32))
_HOST = "52-54-00-12-34-56"
_HOST_FILE = "etc/assisted/network/host1/eth1.nmconnection"


class VirtualMediaTests(BootTestCase):
    """By signed URLs: short ones, without a query, that end."""

    def setUp(self) -> None:
        super().setUp()
        self.emulator = RedfishEmulator(self)
        self.ignition = small_ignition()

    async def start(self, *, tls: bool) -> ServiceProcess:
        key = Path(self.mktemp()).resolve()
        key.write_bytes(base64.b64encode(_KEY))
        image = build_image(Path(self.mktemp()).resolve())
        self.further_settings = {"URL_SIGNING_KEY_FILE": str(key)}
        return await self.serve(image, self.ignition, tls=tls)

    def signed(self, service: ServiceProcess, file: str, scheme: str) -> str:
        parts = self.infra_env_id, VERSION, "x86_64", *file.split("/")
        url = service.url(SignedUrls(_KEY).path(parts, int(time.time()) + 3600), scheme=scheme)
        self.assertLess(len(url), 200)
        return url

    def system(self) -> System:
        """The one that the BMC is of; blocking, as all that is done with it."""
        [system] = sushy.Sushy(self.emulator.url).get_system_collection().get_members()
        return system

    def cd_drive(self) -> VirtualMedia:
        """Its virtual CD drive."""
        drives = self.system().virtual_media.get_members()
        [drive] = [one for one in drives if sushy.VIRTUAL_MEDIA_CD in one.media_types]
        return drive

    async def assert_inserted(self, url: str, authority: Path | None = None) -> Path:
        """It has what is at the URL, byte for byte, by whoever else's word."""
        drive = await deferToThread(self.cd_drive)
        self.assertTrue(drive.inserted)
        self.assertEqual(drive.image, url)
        [medium] = self.emulator.media()
        trust = () if authority is None else ("--cacert", authority)
        line = await run("curl", "--fail", "--silent", *trust, f"{url}.sha256")
        found = await run("sha256sum", medium)
        self.assertEqual(found.split()[0], line.split()[0])
        return medium

    async def test_minimal_iso_boots(self) -> None:
        service = await self.start(tls=False)
        self.write_host()
        url = self.signed(service, f"{_HOST}/minimal.iso", "http")
        await deferToThread(self.insert_and_power_on, url)
        medium = await self.assert_inserted(url)
        told = await self.emulator.board.powered_on
        self.assertEqual(told["boot_device"], "Cd")
        path, is_read_only, is_inserted = told["boot_image"]["Cd"]
        self.assertEqual((Path(path), is_read_only, is_inserted), (medium, True, True))
        cd = [*machine.cd(path), *machine.network()]
        console = await VirtualMachine(reactor).boot(*machine.uefi(), *cd)
        cell = Cell(Firmware.UEFI, Medium.CD, Product.MINIMAL)
        self.assert_configured(console, cell, self.ignition)
        self.assertIn(f"RAMDISK FILE /{_HOST_FILE}: this host alone", console)
        arguments = next(line for line in console.splitlines() if "KERNEL ARGUMENTS:" in line)
        self.assertIn("test.host=1", arguments.split())
        await deferToThread(self.eject)
        self.assertEqual(self.emulator.media(), [])

    def write_host(self) -> None:
        """What one host has more than all others."""
        place = self.infra_envs / self.infra_env_id / "hosts" / _HOST
        place.mkdir(parents=True)
        ramdisk = compressed_ramdisk({_HOST_FILE: b"this host alone"})
        (place / "minimal-initrd").write_bytes(ramdisk)
        argument = {"operation": "append", "value": "test.host=1"}
        (place / "infra-env.json").write_text(json.dumps({"kernel_arguments": [argument]}))

    def insert_and_power_on(self, url: str) -> None:
        self.cd_drive().insert_media(url)
        system = self.system()
        system.set_system_boot_options(
            target=sushy.BOOT_SOURCE_TARGET_CD,
            enabled=sushy.BOOT_SOURCE_ENABLED_ONCE,
            mode=sushy.BOOT_SOURCE_MODE_UEFI,
        )
        system.reset_system(sushy.RESET_ON)

    def eject(self) -> None:
        self.cd_drive().eject_media()
        self.assertFalse(self.cd_drive().inserted)

    async def test_full_iso_over_tls(self) -> None:
        """Verified: without the certificate of who has signed ours there is nothing."""
        service = await self.start(tls=True)
        url = self.signed(service, "full.iso", "https")
        authority = self.certificate.authority
        await deferToThread(self.insert_verified, url, authority.read_text())
        await self.assert_inserted(url, authority)
        await deferToThread(self.eject)
        self.assertEqual(self.emulator.media(), [])

    def insert_verified(self, url: str, authority: str) -> None:
        drive = self.cd_drive()
        drive.set_verify_certificate(True)
        with self.assertRaises(sushy.exceptions.HTTPError):
            drive.insert_media(url)
        self.assertFalse(self.cd_drive().inserted)
        drive.certificates.create_member(authority, "PEM")
        drive.insert_media(url)

    async def test_what_is_refused(self) -> None:
        """The BMC tells that nothing could be had, as of a URL that has ended."""
        service = await self.start(tls=False)
        parts = self.infra_env_id, VERSION, "x86_64", "full.iso"
        ended = service.url(SignedUrls(_KEY).path(parts, 1))
        for url, status in (
            (ended, 410),
            (ended.replace("full", "minimal"), 403),
            (service.url(f"/byid/{'/'.join(parts)}"), 403),
        ):
            told = await deferToThread(self.refusal, url)
            self.assertIn(f"got error {status} from the server", told)

    def refusal(self, url: str) -> str:
        with self.assertRaises(sushy.exceptions.HTTPError) as raised:
            self.cd_drive().insert_media(url)
        self.assertFalse(self.cd_drive().inserted)
        return str(raised.exception)
