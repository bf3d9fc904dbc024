"""A sample recipe for kiwi-ng, and the artifacts of a sample image."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from demo.drivers import network_driver
from demo.ingredients import Found
from demo.ramdisk import initial_ramdisk

RECIPE_NAME = "sample-debian"
IMAGE_NAME = "sample-image"

BOOT_PARAMETERS = "console=ttyS0 panic=-1"
"""The kernel arguments that the sample image brings along."""

RECIPE_CARD = "virtio-net-pci"
"""The network card, of QEMU's, for which what the recipe builds has a driver."""

_RECIPE = Path(__file__).with_name("sample_recipe")
_RELEASE = "bookworm"
_MIRROR = "http://deb.debian.org/debian"
_SOURCE = re.compile(r"^(?:URIs:|deb(?: \[.*?\])?)\s+(http\S+/debian)/?(?:\s|$)", re.MULTILINE)
"""Of either format of sources; Debian's security archive is no whole mirror."""
_ROOT_FILES = {
    "etc/motd": b"The root file system of a sample image of image-management\n",
    "etc/image-release": b"sample-image\n",
}


def recipe_archive() -> bytes:
    """
    The recipe: a gzipped tar with what kiwi-ng calls a description, always the same bytes; it
    builds a small Debian that boots over the network.
    """
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(_RECIPE.iterdir()):
            data = file.read_bytes()
            member = tarfile.TarInfo(file.name)
            member.size, member.mode = len(data), 0o755 if file.suffix == ".sh" else 0o644
            archive.addfile(member, BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def recipe_dictionary(apt: Path = Path("/etc/apt")) -> Mapping[str, str]:
    """
    What the recipe's templates are filled in from: where this machine has Debian's packages from.

    @param apt: apt's configuration (sources.list(5)).
    """
    for file in (*sorted(apt.glob("sources.list.d/*")), apt / "sources.list"):
        found = _SOURCE.search(file.read_text("utf-8", "replace")) if file.is_file() else None
        if found:
            return {"MIRROR": found[1], "RELEASE": _RELEASE}
    return {"MIRROR": _MIRROR, "RELEASE": _RELEASE}


def image_artifacts(found: Found, scratch: Path) -> Mapping[str, bytes]:
    """
    What the sample image is made of, by the names that jobs give the objects; placeholders stand
    for what this machine has not.

    @param scratch: a directory for what is made on the way.
    """
    kernel = found.kernel.read_bytes() if found.kernel else b"no kernel was found\n"
    driver = network_driver(found.kernel) if found.kernel else None
    busybox = found.busybox.read_bytes() if found.busybox else b"no busybox was found\n"
    return {
        "rootfs": _root_file_system(scratch),
        "kernel": kernel,
        "initrd": initial_ramdisk(busybox, [driver] if driver else []),
        "boot_parameters": f"{BOOT_PARAMETERS}\n".encode("ascii"),
    }


def _root_file_system(scratch: Path) -> bytes:
    """A small squashfs; its files alone, one behind the other, where nothing here makes one."""
    program = shutil.which("mksquashfs")
    if program is None:
        return b"".join(_ROOT_FILES.values())
    root, image = scratch / "root", scratch / "rootfs.squashfs"
    for path, content in _ROOT_FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    image.unlink(missing_ok=True)
    options = ("-quiet", "-no-progress", "-all-root", "-mkfs-time", "0", "-all-time", "0")
    subprocess.run([program, str(root), str(image), *options], check=True, capture_output=True)
    return image.read_bytes()
