"""
What a remastered image boots by: its El Torito images, which may lie behind its volume; the
partition tables; and the places that boot images have of themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from assisted_images.iso9660 import el_torito, system_area
from assisted_images.iso9660.directories import BLOCK
from assisted_images.iso9660.el_torito import boot_images
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.iso9660.partitions import Moved, Sizes
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.live.places import Places
from assisted_images.live.recording import merged
from assisted_images.live.view import RepresentationFile
from assisted_images.values import Extent
from httpd.representation.segments import FileSegment, Representation, Source, ZeroSegment

_BEGINNING = 4096
"""What is looked at of a boot image."""


def hidden_boot_images(volume: Volume) -> dict[int, bytes]:
    """
    What the boot catalog has to say for L{Remaster}, by position, so that it leaves images behind
    the volume alone: it would take them for files.

    @raise IsoError: an image in the volume is no file, so nobody knows where it ends.
    """
    files = {one.extents[0].offset for one in volume.files() if one.extents}
    hidden = {}
    for image in boot_images(volume):
        if image.offset >= volume.size:
            hidden[image.position] = el_torito.fields(0, 0)
        elif image.offset not in files:
            raise IsoError(f"the boot image in block {image.block} is no file of the volume")
    return hidden


def bootable(
    volume: Volume, result: Representation, source: Source, file: SeekableFile
) -> Representation:
    """
    C{result}, which is the new volume alone, with what the full image in C{file} boots by.

    @raise IsoError: it cannot boot as the full one does.
    """
    area = volume.read_extent(Extent(0, SYSTEM_AREA_BYTES))
    before = Sizes(volume.size, volume.file_size)
    volume_size = result.length
    result = result.append(_behind_volume(volume, area, source)).aligned(BLOCK)
    after = Sizes(volume_size, result.length)
    moved = Places(result, source)
    new_volume = Volume(RepresentationFile(result, source, file))
    for position, content in _boot_records(volume, new_volume, moved):
        result = result.overlay(position, Representation.from_bytes(content))
    new = system_area.remastered(area, before, after, moved)
    whole = result.overlay(0, Representation.from_bytes(new.content))
    return merged(whole.append(new.tail))


def _behind_volume(volume: Volume, area: bytes, source: Source) -> Representation:
    """What is to follow the volume: all that did, where that holds something to boot from."""
    starts = [one.extent.offset for one in system_area.partitions(area) if one.count > 0]
    starts += [image.offset for image in boot_images(volume)]
    if not any(volume.size <= start < volume.file_size for start in starts):
        return Representation()
    kept = Extent(volume.size, volume.file_size - volume.size)
    result = Representation.of(FileSegment(source, kept.offset, kept.length))
    backup = system_area.backup_header(volume, area)
    if backup is not None and backup.offset >= kept.offset:
        gone = Representation.of(ZeroSegment(backup.length))
        result = result.overlay(backup.offset - kept.offset, gone)
    return result


def _boot_records(old: Volume, new: Volume, moved: Moved) -> Iterator[tuple[int, bytes]]:
    """What boot images, and the catalog, have to say of the images' new places, and where."""
    originals, copies = boot_images(old), boot_images(new)
    if len(originals) != len(copies):
        raise IsoError(f"of {len(originals)} boot images {len(copies)} are in the new catalog")
    for before, after in zip(originals, copies, strict=True):
        block = after.block
        if before.offset >= old.size:
            place = moved(Extent(before.offset, BLOCK))
            if place is None:
                raise IsoError(f"the boot image in block {before.block} is outside the image")
            block = place // BLOCK
            yield after.position, el_torito.fields(before.sectors, block)
        room = max(min(_BEGINNING, old.file_size - before.offset), 0)
        beginning = old.read_extent(Extent(before.offset, room))
        for offset, content in el_torito.own_places(beginning, before.block, block):
            place = moved(Extent(before.offset + offset, len(content)))
            if place is not None:
                yield place, content
