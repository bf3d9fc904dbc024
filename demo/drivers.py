"""The network card's driver for the kernel that the bootable images have."""

from __future__ import annotations

import gzip
import lzma
from functools import cache
from io import BytesIO
from pathlib import Path

from assisted_images.rootfs.cpio import members
from assisted_images.values import Extent

CARD = "e1000"
"""The model of QEMU's; its driver needs no other one.  OVMF has none for it and leaves it alone."""

_MODULE = f"kernel/drivers/net/ethernet/intel/{CARD}/{CARD}.ko"


@cache  # Debian's is one of many files in 130 MiB
def network_driver(kernel: Path) -> bytes | None:
    """
    The kernel module for L{CARD}, uncompressed; L{None}: it is not there.

    @param kernel: Debian's installer has the modules in the initrd beside it; Fedora's kernel is
        beside their directory.
    """
    installer = kernel.with_name("initrd.gz")
    if installer.exists():
        return _member(gzip.decompress(installer.read_bytes()))
    compressed = kernel.with_name(f"{_MODULE}.xz")
    if compressed.exists():
        return lzma.decompress(compressed.read_bytes())
    return None


def _member(archive: bytes) -> bytes | None:
    """The module in an initrd; its own compression came with Debian 13."""
    for member in members(BytesIO(archive), Extent(0, len(archive))):
        content = archive[member.content.offset : member.content.end]
        if member.name.endswith(_MODULE):
            return content
        if member.name.endswith(f"{_MODULE}.xz"):
            return lzma.decompress(content)
    return None
