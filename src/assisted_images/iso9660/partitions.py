"""
Partitions of a hybrid image, and how they follow what they hold when an image is made anew.

What begins before the volume descriptors and ends behind them is the volume, whatever the table
calls it.  All others hold something that lies in or behind the volume: a file, or what somebody
has appended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES
from assisted_images.values import Extent

SECTOR = 512
"""Bytes in a sector of a disk, which both kinds of partition tables count in."""

Moved = Callable[[Extent], int | None]
"""Where an extent of the full image is in the new one; None when it is not there in one piece."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of an image, in bytes."""

    volume: int
    """What the primary volume descriptor says."""

    file: int
    """With what is behind the volume: appended partitions, padding, the backup GPT."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A run of sectors."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The sector behind the last one."""
        return self.first + self.count

    @property
    def extent(self) -> Extent:
        """The same in bytes."""
        return Extent(self.first * SECTOR, self.count * SECTOR)

    @property
    def is_boot_code(self) -> bool:
        """Whether it lies before the volume, where nothing moves."""
        return self.extent.end <= SYSTEM_AREA_BYTES

    @property
    def is_volume(self) -> bool:
        """Whether the volume's descriptors are in it, where the volume's own beginning is its."""
        return self.extent.offset < SYSTEM_AREA_BYTES < self.extent.end


@dataclass(frozen=True, slots=True)
class Move:
    """From an image to another one that was made of it."""

    before: Sizes
    after: Sizes
    moved: Moved

    def partition(self, old: Partition, *, to_end_of_file: bool) -> Partition | None:
        """
        What becomes of a partition; None when its content is gone.

        @param to_end_of_file: whether one that held the whole file, the backup GPT included, is to
            do so again.  One in a GPT must not.
        """
        if old.count <= 0:
            return None
        if old.is_boot_code:
            return old
        if old.is_volume:
            whole = to_end_of_file and old.extent.end >= self.before.file
            end = self.after.file if whole else self.after.volume
            return Partition(old.first, end // SECTOR - old.first)
        place = self.moved(old.extent)
        return None if place is None else Partition(place // SECTOR, old.count)
