"""
Discovery images: one infra-env's configuration in an OS image, as arithmetic on segments.

Nothing is read here.  All of a configuration is secret: errors name sizes, never content.
"""

from __future__ import annotations

from assisted_images.iso9660.errors import IsoError
from assisted_images.live.kargs import AreaOverflow, BadKernelArgument
from assisted_images.live.layout import Layout
from assisted_images.live.moving import FixedArea, with_moved_area
from assisted_images.rootfs.cpio import ARCHIVE_ALIGNMENT, gzipped
from assisted_images.values import Configuration, Extent, KernelArgumentEdit
from httpd.representation.segments import Representation

__all__ = [
    "AreaOverflow",
    "BadKernelArgument",
    "IsoError",
    "NoKernelArgumentArea",
    "boot_artifact",
    "discovery_iso",
    "ignition_archive",
    "initrd_addrsize",
    "pxe_initrd",
]

_IGNITION_FILE = "config.ign"
_IGNITION_MODE = 0o100644


class NoKernelArgumentArea(ValueError):
    """The image has no room for kernel arguments: it is older than embed areas for them."""

    def __init__(self) -> None:
        super().__init__("this image has no area for kernel arguments")


def ignition_archive(ignition: bytes) -> bytes:
    """
    The initial ramdisk archive that holds an Ignition config, as coreos-installer makes it.

    One config makes one sequence of bytes, so an ETag stays the same.
    """
    return gzipped(_IGNITION_FILE, ignition, _IGNITION_MODE)


def discovery_iso(
    image: Representation, layout: Layout, configuration: Configuration
) -> Representation:
    """
    The discovery ISO: C{image} with C{configuration} in its areas.

    A full, a minimal or a disconnected ISO; the ramdisk goes into the minimal one only, which alone
    has an area for it.  An Ignition config that is too large for its area gets a new one at the
    image's end, in images that allow it: the result is larger then.

    @raise NoKernelArgumentArea: there are kernel arguments, but no place for them.
    @raise BadKernelArgument: one of them cannot be written, or is none.
    @raise AreaOverflow: something is larger than its area.
    @raise IsoError: the image has no Ignition area.
    """
    result = image
    if layout.ramdisk_area is not None and configuration.ramdisk:
        result = _filled(result, layout.ramdisk_area, configuration.ramdisk, "the ramdisk is")
    if configuration.kernel_arguments:
        result = _with_kernel_arguments(result, layout, configuration.kernel_arguments)
    # Last, because it may change where the volume ends.
    return _with_ignition(result, layout, ignition_archive(configuration.ignition))


def pxe_initrd(
    image: Representation,
    layout: Layout,
    configuration: Configuration,
    nmstate: Representation | None,
) -> Representation:
    """
    The image's initial ramdisk, followed by the archives of C{configuration} and C{nmstate}.

    @raise IsoError: the image has no initial ramdisk.
    """
    if layout.initrd is None:
        raise IsoError("the image has no /images/pxeboot/initrd.img")
    parts = [
        boot_artifact(image, layout.initrd),
        Representation.from_bytes(ignition_archive(configuration.ignition)),
        Representation.from_bytes(configuration.ramdisk),
        nmstate or Representation(),
    ]
    result = Representation()
    for part in parts:
        if part.length:
            result = result.aligned(ARCHIVE_ALIGNMENT).append(part)
    return result


def initrd_addrsize(layout: Layout, initrd_length: int) -> Representation:
    """
    What an s390x LPAR reads to find its initial ramdisk: the address, then the length in bytes, as
    two big-endian 64-bit numbers.

    @raise IsoError: the image has none, being no s390x one.
    """
    if layout.initrd_address is None:
        raise IsoError("the image has no /images/initrd.addrsize; only s390x ones have")
    return Representation.from_bytes(layout.initrd_address + initrd_length.to_bytes(8, "big"))


def boot_artifact(image: Representation, extents: tuple[Extent, ...]) -> Representation:
    """The file of C{image} that lies at C{extents}."""
    return Representation().append(*(image.slice(one.offset, one.end) for one in extents))


def _with_ignition(image: Representation, layout: Layout, archive: bytes) -> Representation:
    area = layout.ignition_area
    if area is None:
        raise IsoError("the image has no area for an Ignition config")
    what = "the Ignition config's archive is"
    if len(archive) <= area.length:
        return _filled(image, area, archive, what)
    match layout.movable_ignition_area:
        case FixedArea(reason=reason):
            raise AreaOverflow(what, len(archive), area.length, reason)
        case movable:
            return with_moved_area(image, movable, archive)


def _with_kernel_arguments(
    image: Representation, layout: Layout, edits: tuple[KernelArgumentEdit, ...]
) -> Representation:
    area = layout.kernel_argument_area
    if area is None:
        raise NoKernelArgumentArea
    content = Representation.from_bytes(area.edited(edits))
    for position in area.positions:
        image = image.overlay(position, content)
    return image


def _filled(image: Representation, area: Extent, content: bytes, what: str) -> Representation:
    """C{image} with C{content} and then zeros in C{area}."""
    if len(content) > area.length:
        raise AreaOverflow(what, len(content), area.length)
    filling = Representation.from_bytes(content).padded(area.length)
    return image.overlay(area.offset, filling)
