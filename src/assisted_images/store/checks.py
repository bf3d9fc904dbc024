"""
Whether a file is the OS image that its entry promises (docs/reference/files.md, "Checks").

Blocking; used in threads only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from assisted_images.catalog.catalog import Entry
from assisted_images.iso9660.volume import IsoError
from assisted_images.live.layout import Layout, check_os_image, read_layout
from assisted_images.store.records import Record, Stamp, Stopped, digest

__all__ = ["Checked", "Limits", "Stopped", "check_image"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Smaller files inside an OS image mean that it is none; in bytes."""

    min_kernel_bytes: int = 5 * 1024 * 1024
    min_rootfs_bytes: int = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """An OS image that has passed."""

    layout: Layout
    stamp: Stamp
    sha256: str
    """In hexadecimal."""
    remembered: bool = False
    """Whether its record says all of this already."""


def check_image(
    path: Path,
    entry: Entry,
    limits: Limits,
    stop: Event,
    record: Record | None = None,
    arrived: str | None = None,
) -> Checked:
    """
    Read what is in an ISO and check it.  Its SHA-256 has to be the entry's, or for lack of one what
    it was when the file was checked first.

    @param record: what is remembered of the file: an unchanged one is not hashed again.
    @param stop: given up soon after it is set.
    @param arrived: its SHA-256 where that is known, because it was computed while it arrived.
    @raise IsoError: it is not what it should be; the text is the reason.
    @raise OSError: it cannot be read.
    @raise Stopped: C{stop} was set.
    """
    with path.open("rb") as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        layout = read_layout(file)
        check_os_image(layout, stamp.size, limits.min_kernel_bytes, limits.min_rootfs_bytes)
        expected, source = entry.sha256, "the catalogue says"
        if expected is None and record is not None:
            expected, source = record.sha256, "when it was checked first it was"
        if record is not None and record.sha256 == expected and record.holds_for(stamp):
            return Checked(layout, stamp, expected, remembered=True)
        found = arrived or digest(file, stop)
    if expected not in {None, found}:
        raise IsoError(f"its sha256 is {found}, but {source} {expected}")
    return Checked(layout, stamp, found)
