"""
The minimal ISO: the full one without its root file system, which the host fetches from a URL
instead.

Nothing large is copied: nearly all bytes of the result are segments of the full image.  What is
new, the volume descriptors, directories and edited texts, is less than 2 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.iso9660.volume import Volume
from assisted_images.live.boot_configuration import (
    EditedText,
    for_minimal_iso,
    without_live_iso,
)
from assisted_images.live.booting import bootable, hidden_boot_images
from assisted_images.live.embed_areas import BOOT_CONFIGURATIONS, KargsJson, read_kargs_json
from assisted_images.live.layout import RAMDISK_AREA, Layout, read_layout
from assisted_images.live.remaster import Remaster
from assisted_images.live.view import RepresentationFile
from httpd.representation.segments import Representation, Source, ZeroSegment

__all__ = ["RAMDISK_AREA_BYTES", "IsoError", "MinimalIso", "build_minimal_iso"]

RAMDISK_AREA_BYTES = 1 << 20
"""The room for the ramdisk from assisted-service."""

_JSON = msgspec.json.Decoder()

_ROOTFS = "/images/pxeboot/rootfs.img"
_NMSTATE = "/images/nmstate.img"
_KARGS_JSON = "/coreos/kargs.json"
# A recipe that makes coreos-installer's own minimal ISO out of this very full one.
_MINISO_DATA = "/coreos/miniso.dat"

_LARGEST_BOOT_CONFIGURATION = 1 << 20
# coreos-installer refuses larger ones.
_LARGEST_KERNEL_ARGUMENT_AREA = 2048


@dataclass(frozen=True, slots=True)
class MinimalIso:
    """A minimal ISO, and where configuration goes in it."""

    image: Representation
    """Segments of the full image, and what is new."""

    layout: Layout


def build_minimal_iso(
    file: SeekableFile, source: Source, rootfs_url: str, nmstate: Representation | None
) -> MinimalIso:
    """
    Make the minimal ISO of the full one in C{file}.

    @param source: what names C{file} in the result's segments.
    @param rootfs_url: where hosts fetch this image's root file system.
    @param nmstate: a gzipped cpio with nmstatectl, for images from OpenShift 4.18 on.
    @raise IsoError: the image is no full CoreOS live ISO that can be changed, or the URL cannot be
        written into a boot configuration.
    """
    volume = Volume(file)
    full = read_layout(file)
    if full.rootfs is None:
        raise IsoError(f"no {_ROOTFS} in the image")
    initrds = [RAMDISK_AREA] if nmstate is None else [RAMDISK_AREA, _NMSTATE]
    kargs = read_kargs_json(volume)
    texts = _boot_configurations(volume, kargs, rootfs_url, initrds)

    remaster = Remaster(volume, file, source, hidden_boot_images(volume))
    # pycdlib checks what it reads, but a hostile image may get further than its checks.
    try:
        remaster.remove(_ROOTFS)
        if volume.find(_MINISO_DATA) is not None:
            remaster.remove(_MINISO_DATA)
        for path, text in texts.items():
            remaster.replace(path, text.content)
        if kargs is not None:
            remaster.replace(_KARGS_JSON, _new_kargs_json(volume, kargs, texts, rootfs_url))
        area = Representation.of(ZeroSegment(RAMDISK_AREA_BYTES))
        remaster.add(RAMDISK_AREA, "ASSISTED.IMG", area)
        if nmstate is not None:
            remaster.add(_NMSTATE, "NMSTATE.IMG", nmstate)
        result = remaster.result()
    except IsoError:
        raise
    except Exception as problem:
        raise IsoError(f"pycdlib cannot change the image: {problem}") from problem

    image = bootable(volume, result, source, file)
    layout = read_layout(RepresentationFile(image, source, file))
    _check(full, layout)
    return MinimalIso(image, layout)


def _boot_configurations(
    volume: Volume, kargs: KargsJson | None, rootfs_url: str, initrds: list[str]
) -> dict[str, EditedText]:
    """Each boot configuration's new text, by its path."""
    listed = [] if kargs is None else [f"/{file.path}" for file in kargs.files]
    texts: dict[str, EditedText] = {}
    for path in dict.fromkeys([*BOOT_CONFIGURATIONS, *listed]):
        original = volume.read(path, _LARGEST_BOOT_CONFIGURATION)
        if original is None:
            continue
        text = for_minimal_iso(path, original, rootfs_url, initrds)
        if text is not None:
            texts[path] = text
        elif path in listed:
            raise IsoError(
                f"the kernel arguments are in {path}, which is no text that can be edited"
            )
    if not texts:
        raise IsoError("no GRUB or isolinux configuration in the image; a minimal ISO needs one")
    return texts


def _new_kargs_json(
    volume: Volume, kargs: KargsJson, texts: dict[str, EditedText], rootfs_url: str
) -> bytes:
    """kargs.json with the offsets, size and default that are true after the edits."""
    # Decoded once more, for keys that are not known here.
    content: dict[str, Any] = _JSON.decode(volume.read(_KARGS_JSON, 1 << 20) or b"{}")
    sizes = set()
    for file, entry in zip(kargs.files, content["files"], strict=True):
        text = texts[f"/{file.path}"]
        entry["offset"] = text.moved(file.offset)
        sizes.add(text.moved(file.offset + kargs.size) - entry["offset"])
    size = sizes.pop()
    if sizes:
        raise IsoError(
            "the boot configurations give different sizes to their kernel-argument areas"
        )
    if size > _LARGEST_KERNEL_ARGUMENT_AREA:
        raise IsoError(
            f"with this rootfs URL the kernel-argument areas would have {size} bytes; "
            f"at most {_LARGEST_KERNEL_ARGUMENT_AREA} are allowed"
        )
    content["size"] = size
    content["default"] = without_live_iso(kargs.default, rootfs_url)
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _check(full: Layout, minimal: Layout) -> None:
    """What was read back from the result must be what was to be built."""
    area = minimal.ramdisk_area
    if minimal.rootfs is not None or area is None or area.length != RAMDISK_AREA_BYTES:
        raise IsoError("the minimal ISO was not built right: rootfs or ramdisk area")
    if (minimal.ignition_area is None) != (full.ignition_area is None):
        raise IsoError("the minimal ISO was not built right: Ignition area")
    if (minimal.kernel_argument_area is None) != (full.kernel_argument_area is None):
        raise IsoError("the minimal ISO was not built right: kernel-argument area")
