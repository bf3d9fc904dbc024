"""
Whether a file is the OS image that its entry promises (contract, section 3).

Blocking; used in threads only.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO

from assisted_images.catalog import Entry
from assisted_images.iso.layout import Layout, check_os_image, read_layout
from assisted_images.iso.volume import IsoError

_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Smaller files inside an OS image mean that it is none; in bytes."""

    min_kernel_bytes: int = 5 * 1024 * 1024
    min_rootfs_bytes: int = 100 * 1024 * 1024


class Stopped(Exception):
    """The process is going down; a check was given up."""


def check_image(path: Path, entry: Entry, limits: Limits, stop: Event) -> Layout:
    """
    Read what is in an ISO and check it.

    @param stop: given up soon after it is set.
    @raise IsoError: it is not what it should be; the text is the reason.
    @raise OSError: it cannot be read.
    @raise Stopped: C{stop} was set.
    """
    with path.open("rb") as file:
        layout = read_layout(file)
        size = os.fstat(file.fileno()).st_size
        check_os_image(layout, size, limits.min_kernel_bytes, limits.min_rootfs_bytes)
        if entry.sha256 is not None:
            found = _sha256(file, stop)
            if found != entry.sha256:
                raise IsoError(f"its sha256 is {found}, but the catalogue says {entry.sha256}")
    return layout


def _sha256(file: BinaryIO, stop: Event) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        if stop.is_set():
            raise Stopped
        digest.update(piece)
    return digest.hexdigest()
