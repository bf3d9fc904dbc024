"""A machine that boots what the service serves has its infra-env's configuration."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from demo.infra_env import write_infra_env
from demo.ramdisk import compressed_ramdisk
from demo.service import ServiceProcess
from tests.boot.image import ARCHITECTURE, NMSTATECTL, VERSION, build_image
from tests.boot.machine import HOST, VirtualMachine, cd, network_boot, uefi, usb_disk
from tests.running import run, start_service

_RAMDISK_FILE = "etc/assisted/network/host0/eth0.nmconnection"


class BootTests(TestCase):
    """Each machine shows on its console what only this run's infra-env can have told it."""

    timeout = 240

    def setUp(self) -> None:
        self.image = build_image(Path(self.mktemp()).resolve())
        self.infra_envs = Path(self.mktemp()).resolve()
        self.infra_env_id = str(uuid4())
        self.ignition = json.dumps({"ignition": {"version": "3.2.0"}, "run": str(uuid4())})
        self.kernel_argument = f"test.run={uuid4()}"
        self.ramdisk_text = str(uuid4())
        write_infra_env(
            self.infra_envs / self.infra_env_id,
            self.ignition.encode("ascii"),
            [self.kernel_argument],
            compressed_ramdisk({_RAMDISK_FILE: self.ramdisk_text.encode("ascii")}),
        )

    async def serve(self) -> ServiceProcess:
        return await start_service(
            self,
            self.image.settings
            | {
                "INFRA_ENVS_DIR": str(self.infra_envs),
                "IMAGE_SERVICE_BASE_URL": f"http://{HOST}:8080",
            },
        )

    def iso_path(self, file: str) -> str:
        return f"/byid/{self.infra_env_id}/{VERSION}/{ARCHITECTURE}/{file}"

    def initrd_path(self, route: str) -> str:
        return f"/images/{self.infra_env_id}/{route}?version=4.18.1&arch=x86_64"

    def assert_configured(self, console: str, *, kernel_argument: bool, ramdisk: bool) -> None:
        """What this kind of boot has to have, and nothing that it must not have."""
        self.assertIn(f"IGNITION CONFIG /config.ign: {self.ignition}", console)
        self.assertIn("END OF REPORT", console)
        arguments = next(line for line in console.splitlines() if "KERNEL ARGUMENTS:" in line)
        self.assertEqual(self.kernel_argument in arguments.split(), kernel_argument)
        file = f"RAMDISK FILE /{_RAMDISK_FILE}: {self.ramdisk_text}"
        self.assertEqual(file in console, ramdisk)
        self.assertEqual(f"NMSTATECTL: {NMSTATECTL}" in console, ramdisk)

    async def test_full_iso_as_bios_cd(self) -> None:
        """QEMU reads the disc by Range requests, as a BMC does."""
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(*cd(service.url(self.iso_path("full.iso"))))
        self.assert_configured(console, kernel_argument=True, ramdisk=False)

    async def test_minimal_iso_as_bios_cd(self) -> None:
        """The minimal ISO has static network files and nmstatectl besides."""
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(*cd(service.url(self.iso_path("minimal.iso"))))
        self.assert_configured(console, kernel_argument=True, ramdisk=True)
        self.assertIn("coreos.live.rootfs_url=", console)

    async def test_downloaded_kernel_and_initrd(self) -> None:
        """A PXE server's administrator copies both; the kernel line is then theirs."""
        service = await self.serve()
        kernel, initrd = Path(self.mktemp()), Path(self.mktemp())
        artifact = f"/boot-artifacts/kernel?version={VERSION}&arch=x86_64"
        for target, path in [(kernel, artifact), (initrd, self.initrd_path("pxe-initrd"))]:
            await run("curl", "--fail", "--silent", "--output", target, service.url(path))
        console = await VirtualMachine(reactor).boot(
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", "quiet"
        )
        self.assert_configured(console, kernel_argument=False, ramdisk=True)

    async def test_ipxe_script(self) -> None:
        """The network card's iPXE runs the script, which brings the kernel arguments."""
        service = await self.serve()
        script = service.url(self.initrd_path("ipxe-script")).replace("localhost", HOST)
        console = await VirtualMachine(reactor).boot(*network_boot(script))
        self.assert_configured(console, kernel_argument=True, ramdisk=True)

    async def test_full_iso_as_uefi_cd(self) -> None:
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(
            *uefi(), *cd(service.url(self.iso_path("full.iso")))
        )
        self.assertIn("FIRMWARE: UEFI", console)
        self.assert_configured(console, kernel_argument=True, ramdisk=False)

    async def test_minimal_iso_as_uefi_cd(self) -> None:
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(
            *uefi(), *cd(service.url(self.iso_path("minimal.iso")))
        )
        self.assertIn("FIRMWARE: UEFI", console)
        self.assert_configured(console, kernel_argument=True, ramdisk=True)

    async def test_full_iso_as_usb_disk(self) -> None:
        """The isohybrid boot record stays what it was."""
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(
            *usb_disk(service.url(self.iso_path("full.iso")))
        )
        self.assert_configured(console, kernel_argument=True, ramdisk=False)

    async def test_minimal_iso_as_usb_disk(self) -> None:
        """The isohybrid boot record leads to where the boot loader is now."""
        service = await self.serve()
        console = await VirtualMachine(reactor).boot(
            *usb_disk(service.url(self.iso_path("minimal.iso")))
        )
        self.assert_configured(console, kernel_argument=True, ramdisk=True)
