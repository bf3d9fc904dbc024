"""What this machine has of what a bootable image is made of: a kernel, busybox, isolinux."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KERNELS = (
    "usr/lib/debian-installer/images/*/amd64/text/debian-installer/amd64/linux",
    "boot/vmlinuz-*",
    "boot/vmlinuz",
    "lib/modules/*/vmlinuz",
)
_BUSYBOXES = ("bin/busybox", "usr/bin/busybox", "usr/sbin/busybox", "sbin/busybox")
_ISOLINUX = {
    "isolinux.bin": ("usr/lib/ISOLINUX/isolinux.bin", "usr/share/syslinux/isolinux.bin"),
    "ldlinux.c32": (
        "usr/lib/syslinux/modules/bios/ldlinux.c32",
        "usr/share/syslinux/ldlinux.c32",
    ),
}

_PROGRAM_INTERPRETER = 3
"""C{PT_INTERP}: the ELF program header that a dynamically linked program has."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is; C{missing} names what is not, in words for the user."""

    kernel: Path | None
    busybox: Path | None
    isolinux: Mapping[str, Path] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps the sample image from booting."""
        wanted = {
            "a readable Linux kernel for x86_64": self.kernel,
            "a statically linked busybox": self.busybox,
            "isolinux": self.isolinux,
        }
        return tuple(name for name, found in wanted.items() if not found)


def find_ingredients(root: Path = Path("/")) -> Found:
    """Look for what a bootable image needs below C{root}, where Debian and Fedora put it."""
    isolinux = {name: _first(root, places) for name, places in _ISOLINUX.items()}
    return Found(
        kernel=_first(root, _KERNELS, is_kernel),
        busybox=_first(root, _BUSYBOXES, is_static_program),
        isolinux={name: path for name, path in isolinux.items() if path}
        if all(isolinux.values())
        else {},
    )


def is_kernel(content: bytes) -> bool:
    """Whether this is a bzImage for 64-bit x86 (Linux's Documentation/arch/x86/boot.rst)."""
    if len(content) < 0x240 or content[0x202:0x206] != b"HdrS":
        return False
    loadable_64_bit = content[0x236] & 1
    return bool(loadable_64_bit)


def is_static_program(content: bytes) -> bool:
    """Whether this is an ELF program for x86_64 that needs no dynamic loader."""
    if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18) != (62,):
        return False
    (headers_at,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    kinds = [
        struct.unpack_from("<I", content, headers_at + size * number)[0] for number in range(count)
    ]
    return _PROGRAM_INTERPRETER not in kinds


def _anything(content: bytes) -> bool:
    return bool(content)


def _first(
    root: Path, patterns: Iterable[str], accepts: Callable[[bytes], bool] = _anything
) -> Path | None:
    """The first file that can be read and is accepted, the newest version first."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern), reverse=True):
            try:
                content = path.read_bytes()
            except OSError:  # /boot/vmlinuz-* is for root only on Ubuntu and Fedora
                continue
            if accepts(content):
                return path
    return None
