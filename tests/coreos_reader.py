"""
What coreos-installer would find in an ISO: a small reader of its own, for tests.

Written from the description of the format and sharing no code with C{src}, so that a mistake
there is not repeated here.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_BLOCK = 2048
_DIRECTORY = 2

Area = tuple[int, int]
"""Offset in the ISO and length, in bytes."""


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
            self.size: int = struct.unpack_from("<I", volume, 80)[0] * _BLOCK
            self._files = dict(self._walk(file, "", *_extent(volume[156:190])))

    @property
    def paths(self) -> set[str]:
        """All files, such as C{images/ignition.img}."""
        return set(self._files)

    def area(self, path: str) -> Area:
        """Where a file is."""
        return self._files[path]

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
    def kernel_argument_areas(self) -> dict[str, Area]:
        """Where kernel arguments go, by the file they are in: by kargs.json."""
        info = self._json("coreos/kargs.json") or {"files": []}
        return {
            file["path"]: (self.area(file["path"])[0] + file["offset"], info["size"])
            for file in info["files"]
        }

    @property
    def default_kernel_arguments(self) -> str:
        """What the areas hold in an image that nobody has changed."""
        return str(self._json("coreos/kargs.json")["default"])

    @property
    def kernel_arguments(self) -> dict[str, str]:
        """What the areas hold now, up to the end mark; the rest has to be padding."""
        arguments = {}
        for file in self._json("coreos/kargs.json")["files"]:
            area = self.at(self.kernel_argument_areas[file["path"]]).decode("ascii")
            text, end, padding = area.partition(file.get("end", "\n"))
            if not end or padding.strip(file.get("pad", "#")):
                raise AssertionError(f"no end or bad padding in the area of {file['path']}")
            arguments[file["path"]] = text
        return arguments

    def _json(self, path: str) -> Any:
        return json.loads(self.read(path)) if path in self._files else None

    def _walk(
        self, file: BinaryIO, parent: str, offset: int, length: int
    ) -> Iterator[tuple[str, Area]]:
        file.seek(offset)
        content = file.read(length)
        for record in _records(content):
            path = f"{parent}{_rock_ridge_name(record)}"
            if record[25] & _DIRECTORY:
                yield from self._walk(file, f"{path}/", *_extent(record))
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
