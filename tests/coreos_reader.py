"""
What coreos-installer would find in an ISO: a small reader of its own, for tests.

Written from the description of the format and sharing no code with C{src}, so that a mistake
there is not repeated here.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

_BLOCK = 2048
_DIRECTORY = 2
_MARKER = re.compile(rb"(\n#*)# COREOS_KARG_EMBED_AREA")
_WITH_MARKER = re.compile(
    r"EFI/(redhat|fedora|centos)/grub.cfg|isolinux/isolinux.cfg|boot/grub/grub.cfg"
)

Area = tuple[int, int]
"""Offset in the ISO and length, in bytes."""


NameOf = Callable[[bytes], str]


class CoreosIso:
    """An ISO 9660 image with Rock Ridge names, read anew for each question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            file.seek(16 * _BLOCK)
            volume = file.read(_BLOCK)
            if volume[:7] != b"\x01CD001\x01":
                raise AssertionError(f"{path} has no primary volume descriptor")
            self.volume_id = volume[40:72].decode("ascii").rstrip()
            self.size = _volume_size(volume)
            self._files = dict(self._walk(file, "", _rock_ridge_name, *_extent(volume[156:190])))
            self._joliet = dict(self._walk_joliet(file))
        if path.stat().st_size < self.size:
            raise AssertionError(f"{path} is cut off: the volume has {self.size} bytes")
        for name, (offset, length) in [*self._files.items(), *self._joliet.items()]:
            if length and offset + length > self.size:
                raise AssertionError(f"{name} is outside the volume of {path}")

    @property
    def paths(self) -> set[str]:
        """All files, such as C{images/ignition.img}."""
        return set(self._files)

    def area(self, path: str) -> Area:
        """Where a file is."""
        return self._files[path]

    def joliet_area(self, path: str) -> Area | None:
        """Where a file is by the names that Windows reads; None in images without these."""
        return self._joliet[path] if self._joliet else None

    def read(self, path: str) -> bytes:
        """A file's content."""
        return self.at(self.area(path))

    def at(self, area: Area) -> bytes:
        """The bytes of an area."""
        with self._path.open("rb") as file:
            file.seek(area[0])
            content = file.read(area[1])
        if len(content) != area[1]:
            raise AssertionError(f"{area} reaches behind the end of {self._path}")
        return content

    @property
    def ignition_area(self) -> Area:
        """Where the Ignition archive goes: by igninfo.json, else by the default path."""
        info = self._json("coreos/igninfo.json") or {"file": "images/ignition.img"}
        start, length = self.area(info["file"])
        offset = info.get("offset", 0)
        return start + offset, info.get("length", length - offset)

    @property
    def ignition_config(self) -> bytes:
        """
        What C{coreos-installer iso ignition show} prints: the one member of the area's archive.

        Behind the gzip and behind the cpio there may be nothing but zeros.
        """
        decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
        archive = decompressor.decompress(self.at(self.ignition_area))
        if not decompressor.eof or decompressor.unused_data.strip(b"\0"):
            raise AssertionError("the Ignition area holds more or less than one gzip")
        name, mode, content, rest = _cpio_member(archive)
        if (name, mode) != ("config.ign", 0o100644):
            raise AssertionError(f"the Ignition archive has {name} with mode {mode:o}")
        name, _, _, rest = _cpio_member(rest)
        if name != "TRAILER!!!" or rest.strip(b"\0"):
            raise AssertionError(f"the Ignition archive has {name} too")
        return content

    @property
    def kernel_argument_areas(self) -> dict[str, Area]:
        """
        Where kernel arguments go, by the file they are in: by kargs.json; else in front of the
        marker, where there is one.
        """
        info = self._json("coreos/kargs.json")
        if info is None:
            return dict(self._marked_areas())
        return {
            file["path"]: (self.area(file["path"])[0] + file["offset"], info["size"])
            for file in info["files"]
        }

    def _marked_areas(self) -> Iterator[tuple[str, Area]]:
        for path in filter(_WITH_MARKER.fullmatch, self._files):
            marked = _MARKER.search(self.read(path))
            if marked:
                yield path, (self.area(path)[0] + marked.start(1), len(marked[1]))

    @property
    def default_kernel_arguments(self) -> str:
        """What the areas hold in an image that nobody has changed."""
        return str(self._json("coreos/kargs.json")["default"])

    @property
    def kernel_arguments(self) -> dict[str, str]:
        """What the areas hold now, up to the end mark; the rest has to be padding."""
        return self.kernel_arguments_at(self.kernel_argument_areas)

    def kernel_arguments_at(self, areas: dict[str, Area]) -> dict[str, str]:
        """The same for areas that are known from before: a marker shows the padding only."""
        info = self._json("coreos/kargs.json") or {"files": []}
        marks = {
            file["path"]: (file.get("end", "\n"), file.get("pad", "#")) for file in info["files"]
        }
        arguments = {}
        for path, place in areas.items():
            end, pad = marks.get(path, ("\n", "#"))
            text, found, padding = self.at(place).decode("ascii").partition(end)
            if not found or padding.strip(pad):
                raise AssertionError(f"no end or bad padding in the area of {path}")
            if pad == "#" and not self.at((place[0] + place[1], 24)) == b"# COREOS_KARG_EMBED_AREA":
                raise AssertionError(f"no marker behind the area of {path}")
            arguments[path] = text
        return arguments

    def _json(self, path: str) -> Any:
        return json.loads(self.read(path)) if path in self._files else None

    def _walk_joliet(self, file: BinaryIO) -> Iterator[tuple[str, Area]]:
        for sector in range(17, 32):
            file.seek(sector * _BLOCK)
            volume = file.read(_BLOCK)
            if volume[0] == 255:
                return
            if volume[0] == 2 and volume[88:90] == b"%/":
                if _volume_size(volume) != self.size:
                    raise AssertionError("the volume descriptors give different sizes")
                yield from self._walk(file, "", _joliet_name, *_extent(volume[156:190]))
                return

    def _walk(
        self, file: BinaryIO, parent: str, name_of: NameOf, offset: int, length: int
    ) -> Iterator[tuple[str, Area]]:
        file.seek(offset)
        content = file.read(length)
        for record in _records(content):
            path = f"{parent}{name_of(record)}"
            if record[25] & _DIRECTORY:
                yield from self._walk(file, f"{path}/", name_of, *_extent(record))
            else:
                yield path, _extent(record)


def _records(directory: bytes) -> Iterator[bytes]:
    """The records of a directory, but for its own and its parent's."""
    position, number = 0, 0
    while position < len(directory):
        length = directory[position]
        if not length:  # records do not cross blocks
            position = (position // _BLOCK + 1) * _BLOCK
            continue
        number += 1
        if number > 2:
            yield directory[position : position + length]
        position += length


def _extent(record: bytes) -> Area:
    block, length = struct.unpack_from("<I", record, 2)[0], struct.unpack_from("<I", record, 10)[0]
    if struct.unpack_from(">I", record, 6)[0] != block:
        raise AssertionError("the two byte orders of an extent differ")
    if struct.unpack_from(">I", record, 14)[0] != length:
        raise AssertionError("the two byte orders of a length differ")
    return block * _BLOCK, length


def _rock_ridge_name(record: bytes) -> str:
    """The name in the record's NM entries (RRIP, section 4.1.4)."""
    position = 33 + record[32] + (record[32] + 1) % 2
    name = b""
    while position + 4 <= len(record):
        signature, length = record[position : position + 2], record[position + 2]
        if length < 4:
            break
        if signature == b"NM":
            name += record[position + 5 : position + length]
        position += length
    if not name:
        raise AssertionError("a directory record without a Rock Ridge name")
    return name.decode("utf-8")


def _joliet_name(record: bytes) -> str:
    """UCS-2, the more significant byte first, with a version behind a semicolon."""
    return record[33 : 33 + record[32]].decode("utf-16-be").partition(";")[0]


def _volume_size(volume: bytes) -> int:
    (blocks,), (again,) = struct.unpack_from("<I", volume, 80), struct.unpack_from(">I", volume, 84)
    if blocks != again:
        raise AssertionError("the two byte orders of the volume's size differ")
    return int(blocks) * _BLOCK


def _cpio_member(archive: bytes) -> tuple[str, int, bytes, bytes]:
    """Name, mode and content of the first member of a newc archive, and what is behind it."""
    if archive[:6] != b"070701":
        raise AssertionError(f"no cpio header but {archive[:6]!r}")
    fields = [int(archive[at : at + 8], 16) for at in range(6, 110, 8)]
    mode, size, name_size = fields[1], fields[6], fields[11]
    start = (110 + name_size + 3) // 4 * 4
    name = archive[110 : 110 + name_size - 1].decode("ascii")
    return name, mode, archive[start : start + size], archive[(start + size + 3) // 4 * 4 :]
