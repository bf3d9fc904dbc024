"""
El Torito: the boot catalog, which names images by the block they begin at, and what boot images
hold of their own place.

The catalog is a sequence of records of 32 bytes ("El Torito" Bootable CD-ROM Format Specification
1.0, 2.0).  C{-boot-info-table} of mkisofs and C{--grub2-boot-info} of xorriso write an image's
place into the image itself (mkisofs(8), xorrisofs(1)).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assisted_images.iso9660.directories import BLOCK
from assisted_images.iso9660.partitions import SECTOR
from assisted_images.iso9660.volume import Volume
from assisted_images.values import Extent

_RECORD = 32
_BOOTABLE = 0x88
_SECTORS_AND_BLOCK = struct.Struct("<HI")
_AT = 6
"""Where in a catalog's record the number of sectors is, the block behind it."""

_PRIMARY_DESCRIPTOR = 16
_BOOT_INFO_TABLE = struct.Struct("<IIII")
"""Block of the primary volume descriptor, of the image; its length, its checksum."""

_BOOT_INFO_TABLE_AT = 8
_GRUB = struct.Struct("<Q")
_GRUB_AT = 2548
_GRUB_SECTORS_IN = 5
"""GRUB's second stage begins so many sectors behind the image's beginning."""

_BEGINNING = _GRUB_AT + _GRUB.size


@dataclass(frozen=True, slots=True)
class BootImage:
    """What the catalog says of one image."""

    position: int
    """Where it says so, in bytes from the image's start: see L{fields}."""

    sectors: int
    """How many sectors of 512 bytes are to be loaded, which may be fewer than there are."""

    block: int

    @property
    def offset(self) -> int:
        """Where it begins, in bytes."""
        return self.block * BLOCK

    @property
    def end(self) -> int:
        """Where what is to be loaded ends."""
        return self.offset + max(self.sectors, 1) * SECTOR


def boot_images(volume: Volume) -> tuple[BootImage, ...]:
    """
    The images in the volume's boot catalog, in its order; none where there is no catalog.

    @raise assisted_images.iso9660.errors.IsoError: the catalog is outside the image.
    """
    if volume.boot_catalog is None:
        return ()
    start = volume.boot_catalog
    catalog = volume.read_extent(Extent(start, BLOCK))
    # The first one tells that it is a catalog.
    places = range(_RECORD, BLOCK, _RECORD)
    return tuple(
        BootImage(start + place + _AT, *_SECTORS_AND_BLOCK.unpack_from(catalog, place + _AT))
        for place in places
        if catalog[place] == _BOOTABLE
    )


def fields(sectors: int, block: int) -> bytes:
    """What has to be at L{BootImage.position}."""
    return _SECTORS_AND_BLOCK.pack(sectors, block)


def own_places(beginning: bytes, old: int, new: int) -> Iterator[tuple[int, bytes]]:
    """
    What has to be changed in a boot image that was at the block C{old} and is at C{new}: where in
    it, and which bytes.  Nothing in one that does not say where it is.

    @param beginning: at least its first 2556 bytes, where it has so many, as they were.
    """
    if len(beginning) < _BEGINNING:
        beginning = beginning.ljust(_BEGINNING, b"\0")
    descriptor, block, length, checksum = _BOOT_INFO_TABLE.unpack_from(
        beginning, _BOOT_INFO_TABLE_AT
    )
    sectors = BLOCK // SECTOR
    before, after = old * sectors + _GRUB_SECTORS_IN, new * sectors + _GRUB_SECTORS_IN
    if _GRUB.unpack_from(beginning, _GRUB_AT) == (before,):
        yield _GRUB_AT, _GRUB.pack(after)
        # It is the sum of the 32-bit words of the image, these two among them.
        checksum += sum(struct.unpack("<II", _GRUB.pack(after)))
        checksum -= sum(struct.unpack("<II", _GRUB.pack(before)))
    if (descriptor, block) == (_PRIMARY_DESCRIPTOR, old):
        table = _BOOT_INFO_TABLE.pack(descriptor, new, length, checksum & 0xFFFFFFFF)
        yield _BOOT_INFO_TABLE_AT, table
