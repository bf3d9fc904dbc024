"""
A new Ignition area at the image's end, for a config that has outgrown the one in the image.

C{/images/ignition.img} is a file like any other: boot loaders find it by its directory record.  So
the archive goes behind all that is there, and the volume grows up to its end: the records in all
trees of directories, the volume's size in the descriptors, the partitions and the GPT follow, all
as overlays.  What was behind the volume stays where it is, an appended EFI partition for one; only
the old backup GPT's header goes, which would name a table that is none any more.
coreos-installer finds the area by the same record, because igninfo.json names the file only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from assisted_images.iso9660.directories import BLOCK, both_orders, place_fields
from assisted_images.iso9660.el_torito import boot_images
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.partitions import Sizes
from assisted_images.iso9660.system_area import backup_header, partitions, with_larger_volume
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume, begins_volume
from assisted_images.live.embed_areas import file_of_ignition_area, whole_file
from assisted_images.values import Extent
from httpd.representation.segments import Representation, ZeroSegment

__all__ = ["FixedArea", "MovableArea", "read_movable_area", "with_moved_area"]

_VOLUME_SIZE = 80
"""Where in a volume descriptor its size in blocks is (ECMA-119, 8.4.8)."""

_LARGEST_BLOCK = 0xFFFFFFFF
_RECORD = 34
_EXTENDED_ATTRIBUTES = 1


@dataclass(frozen=True, slots=True)
class MovableArea:
    """What names the place of an image's Ignition area; positions are in bytes from its start."""

    records: tuple[int, ...]
    """The directory records of C{ignition.img}, in each tree."""

    descriptors: tuple[int, ...]
    """The volume descriptors, which give the volume's size."""

    sizes: Sizes
    backup_header: Extent | None
    """The backup GPT's header."""

    system_area: bytes = field(repr=False)
    """The first 32 KiB, which have the partition tables."""


@dataclass(frozen=True, slots=True)
class FixedArea:
    """An Ignition area that is bound to its place."""

    reason: str
    """Why, as a part of a sentence."""


def read_movable_area(volume: Volume) -> MovableArea | FixedArea:
    """
    What has to be changed to move the Ignition area.

    An image where that is not safe can still be served, with configs that fit.
    """
    try:
        return _movable_area(volume)
    except IsoError as problem:
        return FixedArea(str(problem))


def _movable_area(volume: Volume) -> MovableArea:
    """@raise IsoError: the area is bound to its place."""
    path = file_of_ignition_area(volume)
    area = None if path is None else whole_file(volume, path)
    if area is None:
        raise IsoError("the area is no file of its own")
    if volume.size > volume.file_size:
        raise IsoError(f"the file ends at byte {volume.file_size}, inside the volume")
    if volume.has_udf:
        raise IsoError("the image has an UDF file system besides ISO 9660's")
    files = list(volume.files())
    named = [one.positions for one in files if one.extents == (area,)]
    positions = tuple(position for of_one in named for position in of_one)
    records = [volume.read_extent(Extent(position, _RECORD)) for position in positions]
    if len(records) != len(named) or any(one[_EXTENDED_ATTRIBUTES] for one in records):
        raise IsoError(f"the directory record of {path} is of an unusual kind")
    system_area = volume.read_extent(Extent(0, SYSTEM_AREA_BYTES))
    others = [one for one in partitions(system_area) if not one.is_volume and not one.is_boot_code]
    _check_inside(volume, "a partition", [one.extent.end for one in others])
    _check_inside(volume, "a boot image", [one.end for one in boot_images(volume)])
    _check_inside(volume, "a file", [extent.end for one in files for extent in one.extents])
    for partition in others:
        _check_one_volume(volume, partition.extent)
    sizes = Sizes(volume.size, volume.file_size)
    backup = backup_header(volume, system_area)
    return MovableArea(positions, volume.descriptor_positions, sizes, backup, system_area)


def _check_inside(volume: Volume, what: str, ends: Iterable[int]) -> None:
    """
    Nothing may lead to what is behind the image's end, where the new area is going to be.

    @raise IsoError: something does.
    """
    end = max(ends, default=0)
    if end > -(-volume.file_size // BLOCK) * BLOCK:
        raise IsoError(
            f"{what} reaches up to byte {end}, behind the image, which has {volume.file_size} bytes"
        )


def _check_one_volume(volume: Volume, partition: Extent) -> None:
    """@raise IsoError: the partition has a volume of its own, and so its own directories."""
    first = Extent(partition.offset + SYSTEM_AREA_BYTES, BLOCK)
    if first.end <= partition.end and begins_volume(volume.read_extent(first)):
        raise IsoError(
            f"the partition at byte {partition.offset} has directories of its own "
            "for the same files"
        )


def with_moved_area(image: Representation, movable: MovableArea, archive: bytes) -> Representation:
    """
    C{image} with C{archive} at its end, as its C{/images/ignition.img}.

    @raise IsoError: the volume would become larger than ISO 9660 can say: 8 TiB.
    """
    content = Representation.from_bytes(archive).aligned(BLOCK)
    result = image.aligned(BLOCK)
    area = Extent(result.length, content.length)
    if area.end // BLOCK > _LARGEST_BLOCK:
        raise IsoError("there is no room behind the volume for a larger Ignition area")
    if movable.backup_header is not None:
        gone = movable.backup_header
        result = result.overlay(gone.offset, Representation.of(ZeroSegment(gone.length)))
    result = result.append(content)
    blocks = both_orders(area.end // BLOCK)
    for position in movable.descriptors:
        result = _overlaid(result, position + _VOLUME_SIZE, blocks)
    for record in movable.records:
        result = _overlaid(result, *place_fields(record, area))
    new = with_larger_volume(movable.system_area, movable.sizes, area.end, area)
    return _overlaid(result, 0, new.content).append(new.tail)


def _overlaid(image: Representation, offset: int, content: bytes) -> Representation:
    return image.overlay(offset, Representation.from_bytes(content))
