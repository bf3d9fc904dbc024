"""Tests that each boot one cell of the matrix from the running service."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import uuid4

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from demo.certificate import CertificateFiles, development_certificate
from demo.infra_env import write_infra_env
from demo.ramdisk import compressed_ramdisk
from demo.service import ServiceProcess
from tests.boot import machine
from tests.boot.image import NMSTATECTL, VERSION, BuiltImage, Variant, build_image
from tests.boot.machine import HOST, VirtualMachine
from tests.boot.matrix import Cell, Firmware, Medium, Product
from tests.running import run, start_service

_ROOTFS_BYTES = 4 << 20
_LARGE_IGNITION_BYTES = 600 << 10
_SHOWN_IGNITION_BYTES = 4096
_RAMDISK_FILE = "etc/assisted/network/host0/eth0.nmconnection"
_EL_TORITO_NAME = slice(17 * 2048 + 7, 17 * 2048 + 39)
"""In the boot record volume descriptor (El Torito 1.0, figure 7)."""

_EDITS = (("delete", "ignition.firstboot"), ("replace", "ignition.platform.id=metal=qemu"))
_UNEDITED = {"ignition.firstboot", "ignition.platform.id=metal"}
_EDITED = "ignition.platform.id=qemu"
"""What becomes of the arguments that every image has from the start."""

_FILES = {Product.FULL: "full.iso", Product.MINIMAL: "minimal.iso"}


class BootTestCase(TestCase):
    """
    Each machine shows on its console what only this run's infra-env can have told it.

    Classes get their tests by L{boots}.
    """

    timeout = 240
    further_settings: Mapping[str, str] = MappingProxyType({})
    certificate: CertificateFiles

    def setUp(self) -> None:
        self.infra_envs = Path(self.mktemp()).resolve()
        self.infra_env_id = str(uuid4())
        self.kernel_argument = f"test.run={uuid4()}"
        self.ramdisk_text = str(uuid4())

    async def boot(self, cell: Cell) -> None:
        """Build the cell's image, serve it, boot a machine from it and look at the console."""
        image = build_image(Path(self.mktemp()).resolve(), _ROOTFS_BYTES, cell.variant)
        ignition = large_ignition() if cell.large_ignition else small_ignition()
        service = await self.serve(image, ignition, tls=cell.medium is Medium.HTTP)
        console = await VirtualMachine(reactor).boot(
            *(machine.uefi() if cell.firmware is Firmware.UEFI else ()),
            *await self.drive(cell, service),
        )
        self.assert_configured(console, cell, ignition)
        if cell.has_ramdisk:
            self.assertIn(f"ROOTFS: sha256 {image.rootfs_sha256}", console)

    async def serve(
        self, image: BuiltImage, ignition: bytes, *, tls: bool = False
    ) -> ServiceProcess:
        """
        The service with one infra-env, and with a plain listener that machines can reach.

        @param tls: whether it has a TLS listener besides, as where firmware boots by HTTP; then
            C{certificate} is its.
        """
        write_infra_env(
            self.infra_envs / self.infra_env_id,
            ignition,
            [self.kernel_argument],
            compressed_ramdisk({_RAMDISK_FILE: self.ramdisk_text.encode("ascii")}),
            _EDITS,
        )
        port = self.reserved_port()
        settings = {
            "INFRA_ENVS_DIR": str(self.infra_envs),
            "HTTP_LISTEN_PORT": str(port),
            "IMAGE_SERVICE_BASE_URL": f"http://{HOST}:{port}",
        }
        if tls:
            files = self.certificate = development_certificate(Path(self.mktemp()).resolve())
            settings |= {
                "HTTPS_CERT_FILE": str(files.certificate),
                "HTTPS_KEY_FILE": str(files.key),
                "HTTP_SERVES": "all",
            }
        return await start_service(self, image.settings | settings | dict(self.further_settings))

    def reserved_port(self) -> int:
        """
        A port that nobody else gets until the test ends, for a service that has to be told it.

        A socket that is bound but does not listen leaves the port to one that listens (ip(7)).
        """
        holder = socket.socket()
        self.addCleanup(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("", 0))
        return int(holder.getsockname()[1])

    def iso_path(self, variant: Variant, file: str) -> str:
        """Where the service has an ISO; short enough for any firmware."""
        return f"/byid/{self.infra_env_id}/{VERSION}/{variant.architecture}/{file}"

    async def drive(self, cell: Cell, service: ServiceProcess) -> list[str]:
        """What the machine boots from, as QEMU's arguments."""
        if cell.product is Product.INITRD:
            return await self.initrd_drive(cell, service)
        url = service.url(self.iso_path(cell.variant, _FILES[cell.product]))
        match cell.medium:
            case Medium.CD:
                return [*machine.cd(url), *machine.network()]
            case Medium.USB_DISK:
                return [*machine.usb_disk(url), *machine.network()]
            case Medium.USB_PARTITION:
                disk = await self.downloaded(url)
                content = bytearray(disk.read_bytes())
                self.assertTrue(content[_EL_TORITO_NAME].startswith(b"EL TORITO SPECIFICATION"))
                content[_EL_TORITO_NAME] = bytes(32)
                disk.write_bytes(content)
                return [*machine.usb_disk(str(disk)), *machine.network()]
            case Medium.HTTP:
                return machine.http_boot(_seen_by_guest(url))
            case _:
                raise AssertionError(f"no ISO boots by {cell.medium}")

    async def initrd_drive(self, cell: Cell, service: ServiceProcess) -> list[str]:
        """What the machine boots from when it is not an ISO."""
        query = f"?version={VERSION}&arch={cell.variant.architecture}"
        infra_env = f"/images/{self.infra_env_id}"
        if cell.medium is Medium.IPXE:
            return machine.ipxe(_seen_by_guest(service.url(f"{infra_env}/ipxe-script{query}")))
        rootfs = _seen_by_guest(service.url(f"/boot-artifacts/rootfs{query}"))
        kernel = await self.downloaded(service.url(f"/boot-artifacts/kernel{query}"))
        initrd = await self.downloaded(service.url(f"{infra_env}/pxe-initrd{query}"))
        return [
            *("-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", f"quiet coreos.live.rootfs_url={rootfs}"),
            *machine.network(),
        ]

    async def downloaded(self, url: str) -> Path:
        """A file with what is at C{url}."""
        target = Path(self.mktemp()).resolve()
        await run("curl", "--fail", "--silent", "--output", target, url)
        return target

    def assert_configured(self, console: str, cell: Cell, ignition: bytes) -> None:
        """What this kind of boot has to have, and nothing that it must not have."""
        self.assertIn(f"FIRMWARE: {cell.firmware}", console)
        self.assertIn(f"IGNITION CONFIG /config.ign: {_reported(ignition)}", console)
        arguments = next(line for line in console.splitlines() if "KERNEL ARGUMENTS:" in line)
        self.assertEqual(self.kernel_argument in arguments.split(), cell.has_kernel_arguments)
        if cell.has_kernel_arguments:
            edited = cell.edits_kernel_arguments
            self.assertEqual(_EDITED in arguments.split(), edited, arguments)
            self.assertEqual(not _UNEDITED & {*arguments.split()}, edited, arguments)
        file = f"RAMDISK FILE /{_RAMDISK_FILE}: {self.ramdisk_text}"
        self.assertEqual(file in console, cell.has_ramdisk)
        self.assertEqual(
            f"NMSTATECTL: {NMSTATECTL}" in console, cell.has_ramdisk and cell.variant.nmstatectl
        )
        self.assertIn("END OF REPORT", console)


Tests = TypeVar("Tests", bound=type[BootTestCase])


def boots(cells: Iterable[Cell]) -> Callable[[Tests], Tests]:
    """Give a class one test for each cell, named by it."""

    def with_tests(tests: Tests) -> Tests:
        for cell in cells:
            setattr(tests, f"test_{cell.test_name}", _test(cell))
        return tests

    return with_tests


def _test(cell: Cell) -> Callable[[BootTestCase], Coroutine[Any, Any, None]]:
    async def test(self: BootTestCase) -> None:
        await self.boot(cell)

    return test


def small_ignition() -> bytes:
    return json.dumps({"ignition": {"version": "3.2.0"}, "run": str(uuid4())}).encode("ascii")


def large_ignition() -> bytes:
    """A config whose archive is larger than its area in the image: it hardly compresses."""
    noise = base64.b64encode(random.randbytes(_LARGE_IGNITION_BYTES)).decode("ascii")
    return json.dumps({"ignition": {"version": "3.2.0"}, "noise": noise}).encode("ascii")


def _reported(ignition: bytes) -> str:
    """The config as the machine shows it."""
    if len(ignition) <= _SHOWN_IGNITION_BYTES:
        return ignition.decode("ascii")
    return f"{len(ignition)} bytes, sha256 {hashlib.sha256(ignition).hexdigest()}"


def _seen_by_guest(url: str) -> str:
    return url.replace("localhost", HOST)
