"""
What has to come: each product of each infra-env, kept as a file once it was found to be right.

Right is what the image, the infra-env and L{tests.coreos_reader} say; nothing here is computed by
the service's code.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import images
from tests.coreos_reader import Area, CoreosIso
from tests.soak.ground import InfraEnv

_KERNEL = "images/pxeboot/vmlinuz"
_INITRD = "images/pxeboot/initrd.img"
_ROOTFS = "images/pxeboot/rootfs.img"
_RAMDISK = "images/assisted_installer_custom.img"
_NMSTATE = "images/nmstate.img"

_CHUNK = 1 << 20

Check = Callable[[Path], None]
"""
Looks at a product's file.

@raise AssertionError: it is not what it should be.
"""


@dataclass(frozen=True, slots=True)
class Product:
    """
    Something to be downloaded.

    @ivar path: of the URL, with the query.
    @ivar check: whether a file is right.
    """

    path: str
    check: Check


@dataclass(frozen=True, slots=True)
class Reference:
    """
    The right bytes.

    @ivar etag: as the service gave it with them.
    @ivar descriptor: of the file that has them; threads may share it.
    """

    path: str
    etag: str
    size: int
    descriptor: int

    def at(self, offset: int, length: int) -> bytes:
        """A piece of it."""
        return os.pread(self.descriptor, length, offset)

    @classmethod
    def of(cls, path: str, etag: str, file: Path) -> Reference:
        """Keep what is in a file; the descriptor stays open for as long as this process runs."""
        return cls(path, etag, file.stat().st_size, os.open(file, os.O_RDONLY))


def products_of(image: Path, version: str, infra_envs: tuple[InfraEnv, ...]) -> Iterator[Product]:
    """All that an OS image and the infra-envs make together."""
    query = f"?version={version}&arch={images.ARCHITECTURE}"
    iso = CoreosIso(image)
    for artifact, name in (("kernel", _KERNEL), ("rootfs", _ROOTFS)):
        yield Product(f"/boot-artifacts/{artifact}{query}", _equals(iso.read(name)))
    for infra_env in infra_envs:
        base = f"/byid/{infra_env.id}/{version}/{images.ARCHITECTURE}"
        yield Product(f"{base}/full.iso", _full(image, infra_env))
        yield Product(f"{base}/minimal.iso", _minimal(image, infra_env))
        yield Product(f"/images/{infra_env.id}/pxe-initrd{query}", _initrd(iso, infra_env))


def _equals(expected: bytes) -> Check:
    def check(file: Path) -> None:
        _hold(file.read_bytes() == expected, f"{file} is not the image's")

    return check


def _full(image: Path, infra_env: InfraEnv) -> Check:
    """The image's bytes but for the areas; where the config has moved, those of its files."""

    def check(file: Path) -> None:
        before, after = CoreosIso(image), CoreosIso(file)
        _configured(before, after, infra_env)
        size = image.stat().st_size
        areas = [before.ignition_area, *before.kernel_argument_areas.values()]
        if file.stat().st_size == size:
            same = list(_outside(areas, (0, size)))
        else:
            files = [before.area(path) for path in before.paths - {"images/ignition.img"}]
            behind = (before.size, size - before.size)
            same = [piece for place in [*files, behind] for piece in _outside(areas, place)]
        for place in same:
            _hold(
                _equal(image, file, place),
                f"{file} differs from the image outside the areas: {place}",
            )

    return check


def _minimal(image: Path, infra_env: InfraEnv) -> Check:
    """The image's kernel and initrd, and no rootfs, but what the infra-env has."""

    def check(file: Path) -> None:
        before, after = CoreosIso(image), CoreosIso(file)
        _configured(before, after, infra_env)
        gone, new = before.paths - after.paths, after.paths - before.paths
        _hold(gone == {_ROOTFS}, f"{file} lacks {gone}")
        _hold(new == {_RAMDISK, _NMSTATE}, f"{file} has {new}")
        for name in (_KERNEL, _INITRD):
            _hold(after.read(name) == before.read(name), f"{file} has another {name}")
        ramdisk = after.read(_RAMDISK)
        _hold(
            ramdisk == infra_env.ramdisk.ljust(len(ramdisk), b"\0"),
            f"{file} has other static network files",
        )

    return check


def _initrd(iso: CoreosIso, infra_env: InfraEnv) -> Check:
    """The image's initrd, and archives behind it."""

    def check(file: Path) -> None:
        initrd, content = iso.read(_INITRD), file.read_bytes()
        _hold(content.startswith(initrd), f"{file} does not begin with the image's initrd")
        behind = content[len(initrd) :]
        archives = list(_archives(behind))
        _hold(b"config.ign\0" in archives[0], f"{file} has no config.ign behind the initrd")
        _hold(infra_env.ignition in archives[0], f"{file} has another Ignition config")
        _hold(infra_env.ramdisk in behind, f"{file} lacks the static network files")

    return check


def _configured(before: CoreosIso, after: CoreosIso, infra_env: InfraEnv) -> None:
    _hold(after.ignition_config == infra_env.ignition, f"{after} has another Ignition config")
    arguments = after.kernel_arguments_at(after.kernel_argument_areas)
    _hold(set(arguments) == set(before.kernel_argument_areas), "an area for arguments is missing")
    appended = " ".join(infra_env.kernel_arguments)
    for path, text in arguments.items():
        _hold(text.rstrip().endswith(appended), f"{path} has other kernel arguments: {text}")


def _archives(packed: bytes) -> Iterator[bytes]:
    """The content of gzips one behind the other, with zeros between them."""
    while packed := packed.lstrip(b"\0"):
        decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
        yield decompressor.decompress(packed)
        packed = decompressor.unused_data


def _outside(areas: list[Area], place: Area) -> Iterator[Area]:
    """What of a place is in none of the areas."""
    start, end = place[0], place[0] + place[1]
    for offset, length in sorted(areas):
        if offset + length <= start or offset >= end:
            continue
        if offset > start:
            yield start, offset - start
        start = offset + length
    if start < end:
        yield start, end - start


def _equal(one: Path, other: Path, place: Area) -> bool:
    start, left = place
    with one.open("rb") as first, other.open("rb") as second:
        first.seek(start)
        second.seek(start)
        while left > 0:
            piece = first.read(min(_CHUNK, left))
            if not piece or piece != second.read(len(piece)):
                return False
            left -= len(piece)
    return True


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
