"""Virtual machines: QEMU in software emulation, with its serial console read until it is off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from demo.drivers import CARD
from tests.running import found_program

HOST = "10.0.2.2"
"""The host's loopback address, seen from the user-mode network of a machine."""

_COMMON = (
    "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio",
    "-machine", "q35,accel=tcg", "-m", "512",
)  # fmt: skip
_DEAD_ENDS = (
    b"Kernel panic", b"No bootable device", b"\nboot: ", b"grub>", b"Shell>",
    b"maximum recursion depth exceeded", b"HTTP Boot over IPv6",
)  # fmt: skip
_READ_AHEAD = 4 << 20
"""
Bytes that QEMU reads from a URL at once, at least.

It waits for ever for an answer that is there as a whole as soon as it has asked (block/curl.c with
libcurl 8, as Debian 13 has them), as its usual 256 KiB from this machine are.
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\r")


class VirtualMachine(ProcessProtocol):
    """One machine, from power on to power off."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._console = bytearray()
        self._ended: Deferred[None] = Deferred()
        self._process: Any = None
        self._dead_end = ""
        self._last = b""
        self._has_said_it = False

    async def boot(self, *arguments: str, seconds: float = 90) -> str:
        """
        Run the machine until its guest powers it off.

        @param arguments: QEMU's, besides those that are the same for all machines.
        @return: what it wrote to its serial console, without escape sequences.
        @raise AssertionError: it hangs or went nowhere; with the console's last lines.
        """
        return await self.run([*_COMMON, *arguments], seconds)

    async def run(self, arguments: Sequence[str], seconds: float, last: str = "") -> str:
        """
        Run the machine until its guest powers it off.

        @param arguments: all of QEMU's.
        @param last: what on its console ends it, as well.
        @return: what it wrote to its serial console, without escape sequences.
        @raise AssertionError: it hangs or went nowhere; with the console's last lines.
        """
        self._last = last.encode()
        qemu = found_program("qemu-system-x86_64")
        self._process = self._reactor.spawnProcess(
            self, qemu, [qemu, *arguments], {"PATH": "/usr/bin:/bin"}
        )
        deadline = self._reactor.callLater(seconds, self._kill, f"not off after {seconds} s")
        try:
            await self._ended
        finally:
            if deadline.active():
                deadline.cancel()
            self._stop()  # nothing to stop, unless the test was given up
        console = _ESCAPES.sub("", self._console.decode("utf-8", "replace"))
        if self._dead_end:
            raise AssertionError(f"the machine did not boot: {self._dead_end}\n{console[-3000:]}")
        return console

    def _kill(self, why: str) -> None:
        self._dead_end = self._dead_end or why
        self._stop()

    def _stop(self) -> None:
        try:
            self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Collect the console; QEMU's own complaints too."""
        self._console += data
        said = self._console[-len(data) - 64 :]
        if self._last and self._last in said:
            self._has_said_it = True
            self._stop()
        for text in _DEAD_ENDS:
            if text in said:
                self._kill(f"{text.decode('ascii')!r} is on the console")

    def processEnded(self, reason: Failure) -> None:
        """The guest powered off, or QEMU was killed or failed."""
        status = getattr(reason.value, "exitCode", None)
        if status != 0 and not self._dead_end and not self._has_said_it:
            self._dead_end = f"QEMU ended with status {status}"
        self._ended.callback(None)


def cd(url: str) -> list[str]:
    """A CD drive whose disc is read from C{url} by Range requests."""
    return ["-drive", f"{_file(url)},media=cdrom,readonly=on"]


def usb_disk(url: str) -> list[str]:
    """A USB stick that is read from C{url}, by Range requests, or a file."""
    drive = f"if=none,id=stick,format=raw,readonly=on,{_file(url)}"
    stick = "usb-storage,drive=stick,removable=on"
    return ["-drive", drive, "-device", "qemu-xhci", "-device", stick]


def _file(url: str) -> str:
    file = f"file={url.replace(',', ',,')}"
    return f"{file},file.readahead={_READ_AHEAD}" if "://" in url else file


def uefi() -> list[str]:
    """OVMF as firmware instead of a BIOS, on Debian or Fedora; its variables are not kept."""
    code, variables = found_file(
        ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    )
    flash = "if=pflash,format=raw"
    return [
        *("-drive", f"{flash},unit=0,readonly=on,file={code}"),
        *("-drive", f"{flash},unit=1,snapshot=on,file={variables}"),
    ]


def network() -> list[str]:
    """A network card for the guest alone: with no ROM, it is nothing to the firmware."""
    return ["-netdev", "user,id=guest", "-device", f"{CARD},netdev=guest,romfile="]


def ipxe(url: str) -> list[str]:
    """A network card whose DHCP server names C{url} as boot file; iPXE is in the card's ROM."""
    card = f"{CARD},netdev=network,bootindex=1"
    return ["-netdev", f"user,id=network,bootfile={_boot_file(url)}", "-device", card]


def http_boot(url: str) -> list[str]:
    """UEFI HTTP boot from C{url}, which the firmware gets by DHCP; PXE is not tried before it."""
    card = "virtio-net-pci,netdev=network,romfile=,bootindex=1"
    without_pxe = [
        option
        for version in (4, 6)
        for option in (
            "-fw_cfg",
            f"name=opt/org.tianocore/IPv{version}PXESupport,string=no",
        )
    ]
    boot_file = f"user,id=network,bootfile={_boot_file(url)}"
    return [*without_pxe, "-netdev", boot_file, "-device", card, *network()]


def _boot_file(url: str) -> str:
    """
    The URL, for an option of QEMU's.

    @raise AssertionError: QEMU's DHCP server would crash: it is of 128 bytes or more.
    """
    if len(url) >= 128:
        raise AssertionError(f"{len(url)} bytes are too long a URL for this DHCP server")
    return url.replace(",", ",,")


def found_file(*choices: tuple[str, ...]) -> tuple[str, ...]:
    """
    The first choice of files that are all here.

    @raise AssertionError: none is.
    """
    for choice in choices:
        if all(Path(name).exists() for name in choice):
            return choice
    raise AssertionError(f"not found: {choices[0][0]}; run: requirements/packages.sh test")
