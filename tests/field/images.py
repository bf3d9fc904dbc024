"""Images that are large enough to be in the middle of a download."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from assisted_images.rootfs.cpio import archive
from demo.sample_image import VOLUME_ID, write_image
from demo.tree import Ingredients, image_tree

SMALLEST = {"MIN_KERNEL_BYTES": "6", "MIN_ROOTFS_BYTES": "6"}
"""Settings with which images whose kernel and rootfs are good for nothing are accepted."""

_PERIOD = (1 << 20) + 7
_PIECE = 8 << 20


@cache
def noisy_image(rootfs_bytes: int = 24 << 20) -> bytes:
    """A CoreOS live ISO whose rootfs is noise: no two of its pieces are the same."""
    noise = random.Random(rootfs_bytes).randbytes(rootfs_bytes)
    tree = image_tree(
        Ingredients(
            volume_id=VOLUME_ID,
            kernel=b"kernel",
            initrd=b"initrd",
            rootfs=archive("root.squashfs", noise, 0o100644),
        )
    )
    with TemporaryDirectory() as directory:
        path = Path(directory) / "image.iso"
        write_image(tree, path)
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class LongImage:
    """
    A CoreOS live ISO, C{head}, with noise behind it: a function of the place, by which no two
    blocks are the same.
    """

    head: bytes = field(repr=False)
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: slice) -> bytes:
        """Some bytes, as of C{bytes}; steps are not known."""
        start, stop, _ = place.indices(self.size)
        end = len(self.head)
        return self.head[start:stop] + _noise_at(max(start, end), max(stop, end))

    def write(self, path: Path) -> None:
        """Make it a file."""
        with path.open("wb") as file:
            for start in range(0, self.size, _PIECE):
                file.write(self[start : start + _PIECE])


@cache
def _noise() -> bytes:
    """A prime number of bytes: a MiB of it begins elsewhere each time."""
    return random.Random(7).randbytes(_PERIOD)


def _noise_at(start: int, stop: int) -> bytes:
    noise, begin = _noise(), start % _PERIOD
    length = stop - start
    if begin + length <= _PERIOD:
        return noise[begin : begin + length]
    return (noise * (2 + length // _PERIOD))[begin : begin + length]


def file_name(version: str, image_type: str = "full-iso") -> str:
    """The name of an image's file in DATA_DIR."""
    return f"rhcos-{image_type}-{version}-x86_64.iso"


def os_images(*entries: Mapping[str, str]) -> dict[str, str]:
    """
    The setting C{OS_IMAGES}.

    @param entries: what differs from an entry of OpenShift 4.17, which wants no nmstatectl; each
        has at least a C{version} and a C{url}.
    """
    same = {"openshift_version": "4.17", "cpu_architecture": "x86_64"}
    return {"OS_IMAGES": json.dumps([same | dict(entry) for entry in entries])}
