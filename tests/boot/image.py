"""
Bootable images with the layouts of RHCOS, made by the tools that CoreOS's pipelines use.

The tree of files is the demo's; genisoimage and isohybrid make the ISO of it, as
coreos-assembler does.  Two builds of the same image are equal.  Those by options of xorriso, for
what others make of CoreOS's images, differ in identifiers and times.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assisted_images.values import Architecture
from demo.drivers import network_driver
from demo.ingredients import find_ingredients
from demo.ramdisk import initial_ramdisk
from demo.tree import EFIBOOT, ROOTFS, Ingredients, Tree, image_tree
from tests.assisted_images.live.hybrids import BEHIND_VOLUME, IN_VOLUME, write_mkisofs
from tests.assisted_images.live.images import (
    MADE_AT,
    VOLUME_ID,
    tree,
    write_genisoimage,
    write_xorriso,
)
from tests.boot.reproducible import make_reproducible
from tests.running import found_program

VERSION = "418.94.202601010000-0"
OPENSHIFT_VERSION = "4.18.1"
ARCHITECTURE = "x86_64"
NMSTATECTL = "nmstatectl out of the rootfs"
"""What the image's nmstatectl prints."""

_DEPLOYMENT = "ostree/deploy/rhcos/deploy/0123456789abcdef.0/usr/bin"
_HOLES = "disconnected"
_UUID = "a55e77ed-0000-4000-8000-00000000b007"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is different in some image from one of today for x86_64."""

    name: str = ""
    architecture: str = ARCHITECTURE
    openshift_version: str = OPENSHIFT_VERSION
    nmstatectl: bool = True
    """Whether hosts get nmstatectl from the service: not before OpenShift 4.18."""

    rootfs: str = "root.squashfs"
    """The member of rootfs.img that has nmstatectl; C{root.erofs} since 4.22."""

    isolinux: bool = True
    """Whether it boots from a BIOS, and as a disk."""

    areas_in_json: bool = True
    """Whether JSON files say where the areas are."""

    ignition_area_in_initrd: bool = False
    xorriso: tuple[str, ...] = ()
    """Options of C{xorriso -as mkisofs}, where that makes the image."""

    hole_bytes: int = 0
    """Zeros, in other files, before all that is booted; they take no disk."""


X86_64 = Variant()
GRUB_ONLY = Variant(name="GRUB only", architecture="arm64", isolinux=False)
"""The layout of arm64, with programs for x86_64: so it can boot here."""

OF_2021 = Variant(name="of 2021", openshift_version="4.8.57", nmstatectl=False, areas_in_json=False)
AREA_IN_INITRD = Variant(name="area in initrd", ignition_area_in_initrd=True)
EROFS = Variant(name="erofs", openshift_version="4.22.0", rootfs="root.erofs")
BEYOND_4_GIB = Variant(name="beyond 4 GiB", hole_bytes=(4 << 30) + 4096)
"""Offsets in it do not fit into 32 bits."""

BASDAT = Variant(name="GPT by xorriso", xorriso=IN_VOLUME["basdat"])
"""With 248 entries, and the backup GPT in the volume."""

APPENDED = Variant(name="EFI appended", xorriso=BEHIND_VOLUME["appended, GPT"])
"""With the EFI file system in a partition behind the volume."""

S390X = Variant(name="s390x", architecture="s390x", isolinux=False)
"""With both areas inside cdboot.img; nothing here can boot it."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in a directory that can be a service's DATA_DIR."""

    path: Path
    rootfs: bytes = field(repr=False)
    variant: Variant = X86_64

    @property
    def rootfs_sha256(self) -> str:
        """Of what a host has to get as its root file system."""
        return hashlib.sha256(self.rootfs).hexdigest()

    @property
    def entry(self) -> Mapping[str, object]:
        """The image as an entry of C{OS_IMAGES}; its URL is for nobody to ask."""
        return {
            "openshift_version": self.variant.openshift_version,
            "cpu_architecture": self.variant.architecture,
            "version": VERSION,
            "url": "http://localhost:9/rhcos.iso",
        }

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that has downloaded this image."""
        return {
            "DATA_DIR": str(self.path.parent),
            "OS_IMAGES": json.dumps([self.entry]),
            "MIN_ROOTFS_BYTES": str(len(self.rootfs)),
        }


def build_image(
    directory: Path, rootfs_bytes: int = 24 << 20, variant: Variant = X86_64
) -> BuiltImage:
    """
    Make an image.  It is C{rootfs_bytes} larger than kernel and boot loaders.

    @param directory: for everything that is made; the ISO is in its subdirectory C{data}.
    """
    data = directory / "data"
    data.mkdir(parents=True)
    iso = data / f"rhcos-full-iso-{VERSION}-{variant.architecture}.iso"
    files = _files(directory, rootfs_bytes, variant)
    if variant.xorriso:
        efi = files[EFIBOOT]
        assert isinstance(efi, bytes), "no zeros by number"
        write_mkisofs(files, iso, "-R", "-J", *variant.xorriso, appended=efi)
    else:
        _write_by_pipeline(files, iso, variant)
        make_reproducible(iso)
    rootfs = files[ROOTFS]
    assert isinstance(rootfs, bytes), "no zeros by number"
    return BuiltImage(iso, rootfs, variant)


def _write_by_pipeline(files: dict[str, bytes | int], iso: Path, variant: Variant) -> None:
    """As CoreOS's pipelines do."""
    if variant.architecture == Architecture.S390X:
        write_xorriso(files, iso)
    else:
        _write_sparse(files, iso, first=f"{_HOLES}/*" if variant.hole_bytes else ROOTFS)
    if variant.isolinux:
        _run("isohybrid", "--uefi", str(iso))


def _write_sparse(files: dict[str, bytes | int], iso: Path, first: str) -> None:
    """The image by genisoimage; what it writes goes through a pipe that leaves out zeros."""
    pipe = iso.with_suffix(".pipe")
    os.mkfifo(pipe)
    copy = ["dd", f"if={pipe}", f"of={iso}", "bs=64K", "iflag=fullblock", "conv=sparse"]
    with subprocess.Popen([*copy, "status=none"]) as copying:
        try:
            write_genisoimage(files, pipe, first=first)
        except BaseException:
            copying.kill()  # it may wait for the pipe's other end
            raise
    pipe.unlink()
    if copying.returncode:
        raise AssertionError(f"dd ended with status {copying.returncode}")


def _files(directory: Path, rootfs_bytes: int, variant: Variant) -> dict[str, bytes | int]:
    found = find_ingredients()
    if not found.kernel or not found.busybox or not found.isolinux:
        raise AssertionError(
            f"{', '.join(found.missing)} not found; run: requirements/packages.sh test"
        )
    kernel, busybox = found.kernel.read_bytes(), found.busybox.read_bytes()
    driver = network_driver(found.kernel)
    assert driver, f"no network driver for {found.kernel}; run: requirements/packages.sh test"
    initrd = initial_ramdisk(busybox, [driver])
    rootfs = _rootfs(directory / "rootfs", rootfs_bytes, variant.rootfs)
    if variant.architecture == Architecture.S390X:
        return tree(Architecture.S390X, kernel=kernel, initrd=initrd, rootfs=rootfs)
    isolinux = {name: path.read_bytes() for name, path in found.isolinux.items()}
    files = image_tree(
        Ingredients(
            volume_id=VOLUME_ID,
            kernel=kernel,
            initrd=initrd,
            rootfs=rootfs,
            isolinux=isolinux if variant.isolinux else {},
            efiboot=_efiboot(directory / "efiboot"),
            ignition_area_in_initrd=variant.ignition_area_in_initrd,
        )
    )
    return {**(files if variant.areas_in_json else _without_json(files)), **_zeros(variant)}


def _without_json(files: Tree) -> Tree:
    """As in 2021: the areas are known by the marker behind them, and by convention."""
    return {path: content for path, content in files.items() if not path.startswith("coreos/")}


def _zeros(variant: Variant) -> dict[str, int]:
    """Two files, because genisoimage takes none of 4 GiB."""
    half = variant.hole_bytes // 2
    return {f"{_HOLES}/{name}": half for name in ("one", "two") if half}


def _rootfs(directory: Path, size: int, name: str) -> bytes:
    """A cpio whose member C{name} holds nmstatectl where ostree puts it, and C{size} noise."""
    system, archive = directory / "system", directory / "archive"
    program = system / _DEPLOYMENT / "nmstatectl"
    _write(program, f"#!/bin/busybox sh\necho '{NMSTATECTL}'\n".encode("ascii"))
    program.chmod(0o755)
    _write(system / "noise", random.Random(VERSION).randbytes(size))
    _write(archive / "etc/coreos-live-rootfs", b"418.94\n")
    {"root.squashfs": _squashfs, "root.erofs": _erofs}[name](system, archive / name)
    _set_times(archive)
    return _run(
        "cpio", "--create", "--format=newc", "--owner=+0:+0", "--quiet", "--reproducible",
        stdin=f"etc\netc/coreos-live-rootfs\n{name}\n".encode("ascii"),
        directory=archive,
    )  # fmt: skip


def _squashfs(system: Path, target: Path) -> None:
    _run(
        "mksquashfs", str(system), str(target), "-comp", "zstd", "-Xcompression-level", "1",
        "-all-root", "-noappend", "-no-progress", "-quiet", "-mkfs-time", "0", "-all-time", "0",
    )  # fmt: skip


def _erofs(system: Path, target: Path) -> None:
    _run("mkfs.erofs", "-zlz4hc", "-T0", "-U", _UUID, "--all-root", str(target), str(system))


def _efiboot(directory: Path) -> bytes:
    """A FAT file system with GRUB, and the stub that leads it to the configuration in the ISO."""
    binary, stub = directory / "EFI/BOOT/BOOTX64.EFI", directory / "EFI/redhat/grub.cfg"
    _write(stub, _GRUB_STUB.encode("ascii"))
    binary.parent.mkdir(parents=True)
    mkimage = found_program("grub-mkimage", "grub2-mkimage")
    _run(mkimage, "-O", "x86_64-efi", "-p", "/EFI/redhat", "-o", str(binary), *_GRUB_MODULES)
    _set_times(directory)
    kibibytes = (binary.stat().st_size // 1024 // 64 + 2) * 64
    image = directory / "efiboot.img"
    image.write_bytes(bytes(kibibytes * 1024))
    _run("mkfs.vfat", "--invariant", "-n", "EFIBOOT", str(image))
    _run("mcopy", "-m", "-s", "-i", str(image), str(directory / "EFI"), "::/")
    return image.read_bytes()


def _set_times(directory: Path) -> None:
    for entry in directory.rglob("*"):
        os.utime(entry, (MADE_AT, MADE_AT))


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
