"""
A new Ignition area behind the volume, for a config that has outgrown the one in the image.

C{/images/ignition.img} is a file like any other: boot loaders find it by its directory record.  So
the archive goes where the volume ends, and the records in the ISO 9660 and the Joliet tree, the
volume's size in the descriptors, the partitions and the backup GPT follow, all as overlays.
coreos-installer finds the area by the same record, because igninfo.json names the file only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from assisted_images.iso9660.directories import BLOCK, both_orders, place_fields
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.system_area import Sizes, is_all_in_volume, with_larger_volume
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.live.embed_areas import file_of_ignition_area, whole_file
from assisted_images.values import Extent
from httpd.representation.segments import Representation

__all__ = ["MovableArea", "read_movable_area", "with_moved_area"]

_VOLUME_SIZE = 80
"""Where in a volume descriptor its size in blocks is (ECMA-119, 8.4.8)."""

_LARGEST_BLOCK = 0xFFFFFFFF
_EXTENDED_ATTRIBUTES = 1


@dataclass(frozen=True, slots=True)
class MovableArea:
    """What names the place of an image's Ignition area; positions are in bytes from its start."""

    records: tuple[int, ...]
    """The directory records of C{ignition.img}, in each tree."""

    descriptors: tuple[int, ...]
    """The volume descriptors, which give the volume's size."""

    sizes: Sizes
    system_area: bytes = field(repr=False)
    """The first 32 KiB, which have the partition tables."""


def read_movable_area(volume: Volume) -> MovableArea | None:
    """
    What has to be changed to move the Ignition area; None where it is bound to its place.

    It is when it is a part of another file, or when something else is behind the volume already.
    """
    sizes = Sizes(volume.size, volume.file_size)
    # Such an image can still be served, with configs that fit.
    try:
        path = file_of_ignition_area(volume)
        if path is None or whole_file(volume, path) is None or sizes.volume > sizes.file:
            return None
        positions = volume.record_positions(path)
        records = [volume.read_extent(Extent(position, 34)) for position in positions]
        system_area = volume.read_extent(Extent(0, SYSTEM_AREA_BYTES))
    except IsoError:
        return None
    if any(record[_EXTENDED_ATTRIBUTES] for record in records):
        return None
    if not is_all_in_volume(system_area, sizes):
        return None
    return MovableArea(positions, volume.descriptor_positions, sizes, system_area)


def with_moved_area(image: Representation, movable: MovableArea, archive: bytes) -> Representation:
    """
    C{image} with C{archive} behind its volume, as its C{/images/ignition.img}.

    What followed the volume, padding and the backup GPT, is made anew.

    @raise IsoError: the volume would become larger than ISO 9660 can say: 8 TiB.
    """
    content = Representation.from_bytes(archive).aligned(BLOCK)
    area = Extent(movable.sizes.volume, content.length)
    if area.end // BLOCK > _LARGEST_BLOCK:
        raise IsoError("there is no room behind the volume for a larger Ignition area")
    result = image.slice(0, area.offset).append(content)
    blocks = both_orders(area.end // BLOCK)
    for position in movable.descriptors:
        result = _overlaid(result, position + _VOLUME_SIZE, blocks)
    for record in movable.records:
        result = _overlaid(result, *place_fields(record, area))
    new = with_larger_volume(movable.system_area, movable.sizes, area.end, area)
    return _overlaid(result, 0, new.content).append(new.tail)


def _overlaid(image: Representation, offset: int, content: bytes) -> Representation:
    return image.overlay(offset, Representation.from_bytes(content))
