"""What a CoreOS live ISO holds, and where: its boot artifacts and the areas for configuration."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.iso9660.volume import Volume
from assisted_images.live.embed_areas import (
    check_apart,
    ignition_area,
    kernel_argument_area,
    whole_file,
)
from assisted_images.live.kargs import KernelArgumentArea
from assisted_images.live.moving import FixedArea, MovableArea, read_movable_area
from assisted_images.values import Extent
from httpd.texts import quoted

__all__ = ["RAMDISK_AREA", "IsoError", "Layout", "check_os_image", "check_whole", "read_layout"]

RAMDISK_AREA = "/images/assisted_installer_custom.img"
"""In a minimal ISO: the file that the ramdisk from assisted-service goes into."""

VOLUME_ID_PREFIXES = ("rhcos-", "fedora-coreos-", "scos-")
"""How the volume identifier of a CoreOS live ISO begins."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What is where in one ISO; extents are in bytes from its start."""

    volume_id: str
    size: int
    """Bytes of the volume, as its primary volume descriptor says."""

    ignition_area: Extent | None
    kernel_argument_area: KernelArgumentArea | None
    kernel: tuple[Extent, ...] | None
    kernel_name: str
    """C{vmlinuz}, or C{kernel.img} in s390x images before 4.19."""

    initrd: tuple[Extent, ...] | None
    rootfs: tuple[Extent, ...] | None
    ins_file: tuple[Extent, ...] | None
    """C{/generic.ins} of s390x."""

    initrd_address: bytes | None
    """The first 8 bytes of C{/images/initrd.addrsize} of s390x: where the initrd is loaded."""

    ramdisk_area: Extent | None
    """L{RAMDISK_AREA}: only minimal ISOs have it."""

    movable_ignition_area: MovableArea | FixedArea
    """How a larger Ignition area takes the place of the one there is, or why that cannot be."""

    @property
    def os_version(self) -> str | None:
        """The version of CoreOS; see L{os_version_of}."""
        return os_version_of(self.volume_id)


def os_version_of(volume_id: str) -> str | None:
    """
    The version of CoreOS, such as C{414.92.202310170514-0}: what a volume id has behind the name of
    the system; None for a volume that is no CoreOS.
    """
    for prefix in VOLUME_ID_PREFIXES:
        if volume_id.startswith(prefix):
            return volume_id.removeprefix(prefix)
    return None


def read_layout(file: SeekableFile) -> Layout:
    """
    Read what is where; it takes a few reads of single blocks.

    @raise IsoError: not an ISO 9660 image, a damaged one, or metadata that is wrong.
    """
    volume = Volume(file)
    kernel_name = "vmlinuz"
    kernel = volume.find("/images/pxeboot/vmlinuz")
    if kernel is None and (kernel := volume.find("/images/pxeboot/kernel.img")) is not None:
        kernel_name = "kernel.img"
    ignition = ignition_area(volume)
    kernel_arguments = kernel_argument_area(volume)
    check_apart(ignition, kernel_arguments)
    return Layout(
        volume_id=volume.volume_id,
        size=volume.size,
        ignition_area=ignition,
        kernel_argument_area=kernel_arguments,
        kernel=kernel,
        kernel_name=kernel_name,
        initrd=volume.find("/images/pxeboot/initrd.img"),
        rootfs=volume.find("/images/pxeboot/rootfs.img"),
        ins_file=volume.find("/generic.ins"),
        initrd_address=_initrd_address(volume),
        ramdisk_area=whole_file(volume, RAMDISK_AREA),
        movable_ignition_area=read_movable_area(volume),
    )


def check_os_image(
    layout: Layout, file_size: int, min_kernel_bytes: int, min_rootfs_bytes: int
) -> None:
    """
    As L{check_whole}; and it has a kernel and a root file system of some bytes.

    @raise IsoError: it is not; the text says what was found and what was expected.
    """
    check_whole(layout, file_size)
    for name, extents, least in (
        ("kernel", layout.kernel, min_kernel_bytes),
        ("rootfs", layout.rootfs, min_rootfs_bytes),
    ):
        if extents is None:
            raise IsoError(f"no {name} in /images/pxeboot")
        size = sum(extent.length for extent in extents)
        if size < least:
            raise IsoError(f"the {name} has {size} bytes; at least {least} are expected")


def check_whole(layout: Layout, file_size: int) -> None:
    """
    Check that an image, of which a minimal one is one, too, is whole and is a CoreOS live ISO;
    C{file_size} is in bytes.

    @raise IsoError: it is not; the text says what was found and what was expected.
    """
    if not layout.volume_id.startswith(VOLUME_ID_PREFIXES):
        raise IsoError(
            f"not a CoreOS live ISO: its volume id is {quoted(layout.volume_id)}; expected one that"
            f" begins with {', '.join(VOLUME_ID_PREFIXES)}"
        )
    if file_size < layout.size:
        raise IsoError(f"cut off: the file has {file_size} bytes of {layout.size} in the volume")


def _initrd_address(volume: Volume) -> bytes | None:
    content = volume.read("/images/initrd.addrsize", 4096)
    if content is not None and len(content) < 8:
        raise IsoError(f"/images/initrd.addrsize has {len(content)} bytes; expected 16")
    return None if content is None else content[:8]
