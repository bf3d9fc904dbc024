"""What can be said of an ISO by itself: whether it is whole, and all of it as it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assisted_images.commands.findings import Finding
from assisted_images.commands.writing import pieces
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.gpt import check_copies
from assisted_images.iso9660.implanted_md5 import ImplantedMd5, Md5OfImage
from assisted_images.iso9660.system_area import partitions
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.live.layout import Layout, check_os_image, check_whole, read_layout
from assisted_images.store.checks import Limits
from assisted_images.store.image_bytes import ImageBytes, all_read
from assisted_images.values import Extent
from httpd.concurrency.threads import RunInThread


@dataclass(frozen=True, slots=True)
class Look:
    """What is found in an ISO without reading all of it."""

    findings: tuple[Finding, ...]
    implanted: ImplantedMd5 | None = None


def look_at(image: ImageBytes, limits: Limits) -> Look:
    """
    Look at the structures of an ISO.  Blocking.

    @raise OSError: it cannot be read.
    """
    with all_read(image), image.open() as file:
        try:
            volume, layout = Volume(file), read_layout(file)
        except IsoError as error:
            return Look((Finding("CoreOS live ISO", False, str(error)),))
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("CoreOS live ISO", lambda: _live_iso(layout, volume.file_size, limits)),
            ("files", lambda: _files(volume)),
            ("areas", lambda: _areas(layout)),
            ("partition tables", lambda: _partition_tables(volume)),
        )
        return Look(tuple(_found(*check) for check in checks), ImplantedMd5.read(volume))


async def whole_digests(
    image: ImageBytes,
    implanted: ImplantedMd5 | None,
    expected_sha256: str | None,
    run_in_thread: RunInThread,
    progress: Callable[[int], object],
) -> tuple[Finding, ...]:
    """
    Read all of an ISO, and compare its checksums.

    @param expected_sha256: in hexadecimal; C{None}: it is only told.
    @param progress: is told the bytes of each piece.
    @raise OSError: it cannot be read.
    """
    sha256 = hashlib.sha256()
    md5 = None if implanted is None else Md5OfImage(implanted.length)

    def update(piece: bytes | memoryview) -> None:
        sha256.update(piece)
        if md5 is not None:
            md5.update(piece)

    async for piece in pieces(image.representation()):
        await run_in_thread(update, piece)
        progress(len(piece))
    return (
        _implanted(implanted, None if md5 is None else md5.text),
        _sha256(sha256.hexdigest(), expected_sha256),
    )


def _found(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except IsoError as error:
        return Finding(what, False, str(error))


def _live_iso(layout: Layout, file_size: int, limits: Limits) -> str:
    is_minimal = layout.ramdisk_area is not None and layout.rootfs is None
    if is_minimal:
        check_whole(layout, file_size)
    else:
        check_os_image(layout, file_size, limits.min_kernel_bytes, limits.min_rootfs_bytes)
    kind = "minimal" if is_minimal else "full"
    return f"{kind}, {layout.volume_id}, {file_size} bytes, of which {layout.size} in the volume"


def _files(volume: Volume) -> str:
    found = list(volume.files())
    for file in found:
        for extent in file.extents:
            if extent.end > volume.file_size:
                raise IsoError(
                    f"{file.name} reaches up to byte {extent.end}, but the file ends at"
                    f" {volume.file_size}"
                )
    return f"{len({file.extents for file in found})}, each within the image"


def _areas(layout: Layout) -> str:
    if layout.ignition_area is None:
        raise IsoError("none for an Ignition config")
    return "; ".join(_named_areas(layout, layout.ignition_area))


def _named_areas(layout: Layout, ignition: Extent) -> Iterator[str]:
    yield f"Ignition config {ignition.length} bytes"
    kernel_arguments, ramdisk = layout.kernel_argument_area, layout.ramdisk_area
    if kernel_arguments is not None:
        places = len(kernel_arguments.positions)
        yield f"kernel arguments {kernel_arguments.size} bytes, {places} times"
    if ramdisk is not None:
        yield f"ramdisk {ramdisk.length} bytes"


def _partition_tables(volume: Volume) -> str:
    area = volume.read_extent(Extent(0, SYSTEM_AREA_BYTES))
    gpt = check_copies(volume.read_extent)
    found = partitions(area)
    for one in found:
        if one.extent.end > volume.file_size:
            raise IsoError(
                f"a partition ends at byte {one.extent.end}, but the file at {volume.file_size}"
            )
    if not found:
        return "none"
    return f"{len(found)} partitions, " + ("no GPT" if gpt is None else "both copies of the GPT")


def _implanted(implanted: ImplantedMd5 | None, found: str | None) -> Finding:
    what = "implanted MD5"
    if implanted is None:
        return Finding(what, True, "none")
    if implanted.expected == found:
        return Finding(what, True, implanted.expected)
    text = f"it is {found}, but the image says {implanted.expected}, which it was when it was made"
    return Finding(what, False, text)


def _sha256(found: str, expected: str | None) -> Finding:
    if expected in {None, found}:
        return Finding("SHA-256", True, found)
    return Finding("SHA-256", False, f"it is {found}; expected {expected}")
