"""
Bootable images with the layout of RHCOS for x86_64, made by the tools that CoreOS's pipelines use.

The tree of files is the demo's; genisoimage and isohybrid make the ISO of it, as
coreos-assembler does.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.ingredients import find_ingredients
from demo.ramdisk import initial_ramdisk
from demo.tree import Ingredients, image_tree
from tests.running import found_program

VERSION = "418.94.202601010000-0"
OPENSHIFT_VERSION = "4.18.1"
ARCHITECTURE = "x86_64"
VOLUME_ID = "rhcos-418.94"
NMSTATECTL = "nmstatectl out of the rootfs"
"""What the image's nmstatectl prints."""

_DEPLOYMENT = "ostree/deploy/rhcos/deploy/0123456789abcdef.0/usr/bin"
_GRUB_MODULES = (
    "iso9660", "fat", "part_msdos", "part_gpt", "search", "search_label", "search_fs_file",
    "configfile", "normal", "linux", "serial", "terminal", "echo", "test", "true", "minicmd",
)  # fmt: skip
_GRUB_STUB = f"""\
search --label "{VOLUME_ID}" --set root --no-floppy
set prefix=($root)/EFI/redhat
configfile $prefix/grub.cfg
boot
"""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in a directory that can be a service's DATA_DIR."""

    path: Path
    ingredients: Ingredients

    @property
    def entry(self) -> Mapping[str, object]:
        """The image as an entry of C{OS_IMAGES}; its URL is for nobody to ask."""
        return {
            "openshift_version": OPENSHIFT_VERSION,
            "cpu_architecture": ARCHITECTURE,
            "version": VERSION,
            "url": "http://localhost:9/rhcos.iso",
        }

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that has downloaded this image."""
        return {
            "DATA_DIR": str(self.path.parent),
            "OS_IMAGES": json.dumps([self.entry]),
            "MIN_ROOTFS_BYTES": str(len(self.ingredients.rootfs)),
        }


def build_image(directory: Path, rootfs_bytes: int = 24 << 20) -> BuiltImage:
    """
    Make a bootable image.  It is C{rootfs_bytes} larger than kernel and boot loaders.

    @param directory: for everything that is made; the ISO is in its subdirectory C{data}.
    """
    found = find_ingredients()
    if not found.kernel or not found.busybox or not found.isolinux:
        raise AssertionError(
            f"{', '.join(found.missing)} not found; run: requirements/packages.sh test"
        )
    directory.mkdir(parents=True, exist_ok=True)
    ingredients = Ingredients(
        volume_id=VOLUME_ID,
        kernel=found.kernel.read_bytes(),
        initrd=initial_ramdisk(found.busybox.read_bytes()),
        rootfs=_rootfs(directory / "rootfs", rootfs_bytes),
        isolinux={name: path.read_bytes() for name, path in found.isolinux.items()},
        efiboot=_efiboot(directory / "efiboot"),
    )
    tree = directory / "tree"
    for path, content in image_tree(ingredients).items():
        _write(tree / path, content)
    data = directory / "data"
    data.mkdir()
    iso = data / f"rhcos-full-iso-{VERSION}-{ARCHITECTURE}.iso"
    _genisoimage(tree, iso)
    _run("isohybrid", "--uefi", str(iso))
    return BuiltImage(iso, ingredients)


def _genisoimage(tree: Path, iso: Path) -> None:
    """As the pipelines call it, options and their order included."""
    _run(
        "genisoimage", "-quiet", "-V", VOLUME_ID, "-volset", VOLUME_ID, "-rational-rock",
        "-J", "-joliet-long",
        "-eltorito-boot", "isolinux/isolinux.bin", "-eltorito-catalog", "isolinux/boot.cat",
        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
        "-eltorito-alt-boot", "-efi-boot", "images/efiboot.img", "-no-emul-boot",
        "-o", str(iso), str(tree),
    )  # fmt: skip


def _rootfs(directory: Path, size: int) -> bytes:
    """A cpio whose root.squashfs holds nmstatectl where ostree puts it, and C{size} noise."""
    system, archive = directory / "system", directory / "archive"
    program = system / _DEPLOYMENT / "nmstatectl"
    _write(program, f"#!/bin/busybox sh\necho '{NMSTATECTL}'\n".encode("ascii"))
    program.chmod(0o755)
    _write(system / "noise", random.Random(VERSION).randbytes(size))
    _write(archive / "etc/coreos-live-rootfs", b"418.94\n")
    _run(
        "mksquashfs", str(system), str(archive / "root.squashfs"), "-comp", "zstd",
        "-Xcompression-level", "1", "-all-root", "-noappend", "-no-progress", "-quiet",
        "-mkfs-time", "0", "-all-time", "0",
    )  # fmt: skip
    return _run(
        "cpio", "--create", "--format=newc", "--owner=+0:+0", "--quiet", "--reproducible",
        stdin=b"etc\netc/coreos-live-rootfs\nroot.squashfs\n",
        directory=archive,
    )  # fmt: skip


def _efiboot(directory: Path) -> bytes:
    """A FAT file system with GRUB, and the stub that leads it to the configuration in the ISO."""
    binary, stub = directory / "EFI/BOOT/BOOTX64.EFI", directory / "EFI/redhat/grub.cfg"
    _write(stub, _GRUB_STUB.encode("ascii"))
    binary.parent.mkdir(parents=True)
    mkimage = found_program("grub-mkimage", "grub2-mkimage")
    _run(mkimage, "-O", "x86_64-efi", "-p", "/EFI/redhat", "-o", str(binary), *_GRUB_MODULES)
    kibibytes = (binary.stat().st_size // 1024 // 64 + 2) * 64
    image = directory / "efiboot.img"
    image.write_bytes(bytes(kibibytes * 1024))
    _run("mkfs.vfat", "-n", "EFIBOOT", "-i", "0a55e77e", str(image))
    _run("mcopy", "-s", "-i", str(image), str(directory / "EFI"), "::/")
    return image.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _run(
    program: str, *arguments: str, stdin: bytes | None = None, directory: Path | None = None
) -> bytes:
    """Run a tool that builds; it blocks, which is well before a test's own reactor work."""
    done = subprocess.run(
        [found_program(program), *arguments],
        input=stdin,
        cwd=directory,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise AssertionError(f"{program} ended with status {done.returncode}: {text}")
    return done.stdout
