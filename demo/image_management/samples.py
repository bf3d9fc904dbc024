"""A sample recipe for kiwi-ng, and the artifacts of a sample image that boots."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from demo.drivers import network_driver
from demo.ingredients import Found
from demo.ramdisk import initial_ramdisk

RECIPE_NAME = "sample-recipe"
IMAGE_NAME = "sample-image"

BOOT_PARAMETERS = "console=ttyS0 panic=-1"
"""The kernel arguments that the sample image brings along."""

_CONFIG = """\
<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="8.5" name="sample">
  <description type="system">
    <author>image-management</author>
    <contact>root@localhost</contact>
    <specification>A small Debian that boots</specification>
  </description>
  <preferences>
    <version>1.0.0</version>
    <packagemanager>apt</packagemanager>
    <type image="tbz"/>
  </preferences>
  <users>
    <user name="root" password="!" home="/root" pwdformat="encrypted"/>
  </users>
  <repository type="apt-deb" alias="debian" components="main" distribution="bookworm">
    <source path="http://deb.debian.org/debian"/>
  </repository>
  <packages type="bootstrap">
    <package name="ca-certificates"/>
  </packages>
  <packages type="image">
    <package name="linux-image-cloud-amd64"/>
    <package name="initramfs-tools"/>
    <package name="openssh-server"/>
    <package name="systemd-sysv"/>
  </packages>
</image>
"""
_SCRIPT = """\
#!/bin/bash
set -eu
printf 'squashfs\\noverlay\\n' >> /etc/initramfs-tools/modules
update-initramfs -u
cd /boot
ln -sf vmlinuz-* vmlinuz
ln -sf initrd.img-* initrd
printf 'console=ttyS0' > kernel-parameters
"""
_ROOT_FILES = {
    "etc/motd": b"The root file system of a sample image of image-management\n",
    "etc/image-release": b"sample-image\n",
}


def recipe_archive() -> bytes:
    """The recipe: a gzipped tar with what kiwi-ng calls a description; always the same bytes."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text, mode in (("config.xml", _CONFIG, 0o644), ("config.sh", _SCRIPT, 0o755)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), mode
            archive.addfile(member, BytesIO(text.encode("ascii")))
    return gzip.compress(packed.getvalue(), mtime=0)


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
