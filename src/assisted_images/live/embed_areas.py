"""
The areas of a CoreOS live ISO that configuration goes into: for Ignition and for kernel arguments.

They are found as coreos-installer finds them: C{/coreos/igninfo.json}, C{/coreos/kargs.json}, and
in images that are older than these files by C{/images/ignition.img} and by the marker text behind
the kernel arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

import msgspec

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.live.kargs import KernelArgumentArea
from assisted_images.values import Extent

BOOT_CONFIGURATIONS = (
    "/EFI/redhat/grub.cfg",
    "/EFI/fedora/grub.cfg",
    "/EFI/centos/grub.cfg",
    "/boot/grub/grub.cfg",
    "/isolinux/isolinux.cfg",
)
"""Where boot loaders find their configuration; an image has one to three of them."""

_IGNITION_FILE = "/images/ignition.img"
_S390X_BOOT_FILE = "/images/cdboot.img"

_LARGEST_JSON = 64 << 10
_LARGEST_BOOT_CONFIGURATION = 1 << 20
_LARGEST_KERNEL_ARGUMENT_AREA = 64 << 10
_LARGEST_IGNITION_AREA = 1 << 30

_KERNEL_LINE = re.compile(rb"^[ \t]*(?:linux|append)[ \t]", re.MULTILINE | re.IGNORECASE)
_MARKER = re.compile(rb"(\n#*)# COREOS_KARG_EMBED_AREA")


class KargsFile(msgspec.Struct, frozen=True):
    """One entry of C{files} in kargs.json."""

    path: str
    offset: int
    pad: str = "#"
    end: str = "\n"


class KargsJson(msgspec.Struct, frozen=True):
    """C{/coreos/kargs.json}: the areas of kernel arguments, as coreos-installer reads it."""

    files: list[KargsFile]
    size: int
    default: str


class _IgnInfoJson(msgspec.Struct, frozen=True):
    """C{/coreos/igninfo.json}: the Ignition area; without offset and length, the whole file."""

    file: str
    offset: int = 0
    length: int | None = None


_KARGS_JSON = msgspec.json.Decoder(KargsJson)
_IGN_INFO_JSON = msgspec.json.Decoder(_IgnInfoJson)


def ignition_area(volume: Volume) -> Extent | None:
    """
    Where the Ignition config's archive goes; None when the image has no such place.

    @raise IsoError: igninfo.json cannot be read, or cannot be true.
    """
    info = _read_igninfo(volume)
    if info is None:
        return whole_file(volume, _IGNITION_FILE)
    path = f"/{info.file}"
    whole = whole_file(volume, path)
    if whole is None:
        raise IsoError(f"igninfo.json names {path}, which is not in the image")
    length = whole.length - info.offset if info.length is None else info.length
    return _part(path, whole, info.offset, length, _LARGEST_IGNITION_AREA, "igninfo.json")


def file_of_ignition_area(volume: Volume) -> str | None:
    """
    The path of the file that is the Ignition area, the whole file and nothing else.

    None when the area is a part of a file, such as of s390x's cdboot.img: a part cannot go
    elsewhere.  s390x boots one file that all is in, whatever its directory says.

    @raise IsoError: as L{ignition_area}.
    """
    info = _read_igninfo(volume)
    if volume.find(_S390X_BOOT_FILE) is not None:
        return None
    if info is None:
        return _IGNITION_FILE
    return f"/{info.file}" if info.offset == 0 and info.length is None else None


def _read_igninfo(volume: Volume) -> _IgnInfoJson | None:
    return _read_json(volume, "/coreos/igninfo.json", _IGN_INFO_JSON)


def kernel_argument_area(volume: Volume) -> KernelArgumentArea | None:
    """
    Where kernel arguments go; None in images that are older than areas for them.

    @raise IsoError: kargs.json cannot be read, or cannot be true.
    """
    info = read_kargs_json(volume)
    if info is None:
        return _marked_area(volume)
    extents = []
    for file in info.files:
        path = f"/{file.path}"
        whole = whole_file(volume, path)
        if whole is None:
            raise IsoError(f"kargs.json names {path}, which is not in the image")
        limit = _LARGEST_KERNEL_ARGUMENT_AREA
        extents.append(_part(path, whole, file.offset, info.size, limit, "kargs.json"))
    return _area(volume, extents, info.files[0].end, info.files[0].pad)


def _marked_area(volume: Volume) -> KernelArgumentArea | None:
    """
    The area of a 2021 image: from the end of the kernel line up to the marker behind it.

    It holds no arguments yet: the line's own are before it.  None, too, where one boot loader would
    get the arguments and another not.
    """
    extents = []
    for path in BOOT_CONFIGURATIONS:
        content = volume.read(path, _LARGEST_BOOT_CONFIGURATION)
        whole = whole_file(volume, path) if content else None
        if content is None or whole is None:
            continue
        match = _MARKER.search(content)
        if match is not None:
            extents.append(Extent(whole.offset + match.start(1), len(match[1])))
        elif _KERNEL_LINE.search(content) is not None:
            return None
    if not extents:
        return None
    # Where they differ, the smallest one limits all, so that all can hold the same.
    size = min(extent.length for extent in extents)
    return _area(volume, [Extent(extent.offset, size) for extent in extents], "\n", "#")


def _area(volume: Volume, extents: list[Extent], end: str, pad: str) -> KernelArgumentArea:
    _check_overlap(extents)
    try:
        contents = [
            KernelArgumentArea.arguments_in(volume.read_extent(extent), end, pad)
            for extent in extents
        ]
    except ValueError:
        raise IsoError("the kernel arguments in the image are not UTF-8") from None
    if len({content.strip() for content in contents}) != 1:
        raise IsoError("the boot configurations hold different kernel arguments")
    return KernelArgumentArea(
        positions=tuple(extent.offset for extent in extents),
        current=contents[0],
        size=extents[0].length,
        end=end,
        pad=pad,
    )


def read_kargs_json(volume: Volume) -> KargsJson | None:
    """
    The image's kargs.json; None in images that have none.

    @raise IsoError: it cannot be read, or what it says cannot be true.
    """
    info = _read_json(volume, "/coreos/kargs.json", _KARGS_JSON)
    if info is None:
        return None
    if not 0 < info.size <= _LARGEST_KERNEL_ARGUMENT_AREA:
        raise IsoError(
            f"kargs.json: size is {info.size}; expected 1 to {_LARGEST_KERNEL_ARGUMENT_AREA} bytes"
        )
    if len({(file.end, file.pad) for file in info.files}) != 1:
        raise IsoError("kargs.json: expected files, all with one `end` and one `pad`")
    first = info.files[0]
    if len(first.end.encode(errors="replace")) != 1 or len(first.pad.encode(errors="replace")) != 1:
        raise IsoError("kargs.json: `end` and `pad` must be one ASCII character each")
    return info


def whole_file(volume: Volume, path: str) -> Extent | None:
    """
    The one extent of a file that something is to be written into; None when there is no such file.

    @raise IsoError: it lies in several pieces.
    """
    extents = volume.find(path)
    if extents is None:
        return None
    if len(extents) != 1:
        raise IsoError(f"{path} lies in {len(extents)} pieces; expected one")
    return extents[0]


def check_apart(ignition: Extent | None, area: KernelArgumentArea | None) -> None:
    """
    Check that no area lies in another one.

    @raise IsoError: one does.
    """
    extents = [] if area is None else [Extent(position, area.size) for position in area.positions]
    _check_overlap(extents if ignition is None else [*extents, ignition])


def _check_overlap(extents: Iterable[Extent]) -> None:
    ordered = sorted(extents)
    for first, second in pairwise(ordered):
        if second.offset < first.end:
            raise IsoError(f"two areas for configuration overlap at byte {second.offset}")
    if ordered and ordered[0].offset < SYSTEM_AREA_BYTES:
        raise IsoError("an area for configuration lies before the file system")


def _part(path: str, whole: Extent, offset: int, length: int, limit: int, source: str) -> Extent:
    """C{length} bytes from C{offset} on in the file at C{whole}, as C{source} says."""
    if offset < 0 or length <= 0 or length > limit or offset + length > whole.length:
        raise IsoError(
            f"{source}: offset {offset} and length {length} are not inside {path}, "
            f"which has {whole.length} bytes"
        )
    return Extent(whole.offset + offset, length)


T = TypeVar("T")


def _read_json(volume: Volume, path: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    raw = volume.read(path, _LARGEST_JSON)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise IsoError(f"{path}: {problem}") from None
