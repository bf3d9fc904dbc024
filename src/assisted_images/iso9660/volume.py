"""
A small reader of ISO 9660 volumes (ECMA-119): which file lies where.

It reads nothing but the volume descriptors and the directories on the way to a path, so the cost
does not depend on the image's size.  Nothing in an image is trusted: every read is bounded and
checked against the file's size, a path's depth bounds the descent, and whatever is wrong is an
L{IsoError}. It also reads what xorriso 1.5.6 wrote, whose C{..} records carry the identifier of
C{.}.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assisted_images.iso9660 import rock_ridge
from assisted_images.iso9660.directories import (
    BLOCK,
    NameOf,
    Record,
    extent_of,
    identifier,
    records,
    system_use,
)
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.values import Extent

__all__ = ["BLOCK", "SYSTEM_AREA_BYTES", "VOLUME_ID_BYTES", "IsoError", "Volume", "volume_id_of"]

SYSTEM_AREA_BYTES = 16 * BLOCK
"""What precedes the volume descriptors, outside the file system: MBR, GPT (ECMA-119, 6.2.1)."""

VOLUME_ID_BYTES = SYSTEM_AREA_BYTES + BLOCK
"""What has to be there of an image to know its volume identifier."""

_MOST_DESCRIPTORS = 32
_LARGEST_DIRECTORY = 8 << 20
_MOST_DIRECTORIES = 10_000
_MOST_DIRECTORY_BYTES = 16 << 20
_LEAST_CHARGE = 256
_DEEPEST = 64

_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_JOLIET_ESCAPES = (b"%/@", b"%/C", b"%/E")


@dataclass(frozen=True, slots=True)
class _Tree:
    """One of a volume's trees of directories, which have different names for the same files."""

    root: Extent
    name_of: NameOf


def volume_id_of(beginning: bytes) -> str:
    """
    The volume identifier, out of an image's first L{VOLUME_ID_BYTES}.

    @raise IsoError: they are no image's.
    """
    descriptor = beginning[SYSTEM_AREA_BYTES:VOLUME_ID_BYTES]
    if len(descriptor) < BLOCK or descriptor[:6] != bytes([_PRIMARY]) + b"CD001":
        raise IsoError("not an ISO 9660 image: no primary volume descriptor in sector 16")
    return _volume_id(descriptor)


def _volume_id(primary: bytes) -> str:
    """ECMA-119, 8.4.7."""
    return primary[40:72].decode("ascii", errors="replace").strip(" \0")


class Volume:
    """
    The file system of the ISO in C{file}.

    @raise IsoError: there is none, or it is damaged.
    """

    volume_id: str
    """The volume identifier, without the spaces that fill it up."""

    size: int
    """Bytes, as the primary volume descriptor has it: the file may be larger, never smaller."""

    file_size: int
    """Bytes of the file itself."""

    descriptor_positions: tuple[int, ...]
    """Where the descriptors are that give the volume's size, in bytes from the image's start."""

    def __init__(self, file: SeekableFile) -> None:
        self._file = file
        self.file_size = file.seek(0, os.SEEK_END)
        self._directories: dict[tuple[_Tree, Extent], tuple[Record, ...]] = {}
        self._directory_bytes = 0
        primary, joliet = self._read_descriptors()
        block_size = struct.unpack_from("<H", primary, 128)[0]
        if block_size != BLOCK:
            raise IsoError(f"logical blocks of {block_size} bytes; expected {BLOCK}")
        self.volume_id = _volume_id(primary)
        self.size = struct.unpack_from("<I", primary, 80)[0] * BLOCK
        self._tree = _Tree(_root_extent(primary), self._rock_ridge_name)
        self._joliet = None if joliet is None else _Tree(_root_extent(joliet), _joliet_name)
        self._skip = self._read_bytes_to_skip()

    def find(self, path: str) -> tuple[Extent, ...] | None:
        """
        Where the file at C{path}, such as C{/images/pxeboot/vmlinuz}, lies: one extent, or several
        when its parts are not adjacent, or none when it is empty.  None when there is no such file.

        @raise IsoError: the file does not end inside the image, or a directory is damaged.
        """
        record = self._look_up(self._tree, path)
        if record is None or record.is_directory:
            return None
        for extent in record.extents:
            if extent.end > self.file_size:
                raise IsoError(
                    f"{path} reaches up to byte {extent.end}, but the file ends at {self.file_size}"
                )
        return record.extents

    def read(self, path: str, limit: int) -> bytes | None:
        """
        The content of the file at C{path}; None when there is no such file.

        @param limit: the most bytes that are acceptable.
        @raise IsoError: it is larger, or L{find}'s reasons.
        """
        extents = self.find(path)
        if extents is None:
            return None
        size = sum(extent.length for extent in extents)
        if size > limit:
            raise IsoError(f"{path} has {size} bytes; at most {limit} are expected")
        return b"".join(map(self.read_extent, extents))

    def read_extent(self, extent: Extent) -> bytes:
        """
        The bytes at C{extent}.

        @raise IsoError: it reaches outside the file.
        """
        if extent.end > self.file_size:
            raise IsoError(
                f"the file ends at byte {self.file_size}, inside what begins at {extent.offset}"
            )
        self._file.seek(extent.offset)
        data = self._file.read(extent.length)
        if len(data) != extent.length:
            raise IsoError(f"the file could not be read at byte {extent.offset}")
        return data

    def directories(self) -> Iterator[Extent]:
        """
        Where each directory lies, those of the Joliet tree included.

        @raise IsoError: they form a loop, or there are absurdly many.
        """
        seen: set[int] = set()
        waiting = [(tree, tree.root, 0) for tree in self._trees]
        while waiting:
            tree, extent, depth = waiting.pop()
            if extent.offset in seen or depth > _DEEPEST:
                raise IsoError(f"the directories form a loop at byte {extent.offset}")
            if len(seen) >= _MOST_DIRECTORIES:
                raise IsoError(f"more than {_MOST_DIRECTORIES} directories")
            seen.add(extent.offset)
            yield extent
            waiting.extend(
                (tree, record.extents[0], depth + 1)
                for record in self._records(tree, extent)
                if record.is_directory and record.extents
            )

    def record_positions(self, path: str) -> tuple[int, ...]:
        """
        Where the directory records of the file at C{path} are, in bytes from the image's start: the
        one in the ISO 9660 tree, and the one in the Joliet tree where there is one.

        @raise IsoError: a directory is damaged.
        """
        found = [self._look_up(tree, path) for tree in self._trees]
        return tuple(position for record in found if record for position in record.positions)

    @property
    def _trees(self) -> tuple[_Tree, ...]:
        return (self._tree,) if self._joliet is None else (self._tree, self._joliet)

    def _look_up(self, tree: _Tree, path: str) -> Record | None:
        names = [name for name in path.split("/") if name]
        found: Record | None = None
        directory = tree.root
        for depth, name in enumerate(names):
            found = next((one for one in self._records(tree, directory) if one.name == name), None)
            if found is None:
                return None
            if depth < len(names) - 1:
                if not found.is_directory or not found.extents:
                    return None
                directory = found.extents[0]
        return found

    def _read_descriptors(self) -> tuple[bytes, bytes | None]:
        """The primary volume descriptor, and Joliet's where there is one."""
        primary = joliet = None
        positions = []
        for position, data in self._descriptors():
            if data[0] == _PRIMARY and primary is None:
                primary = data
            elif data[0] == _SUPPLEMENTARY and data[88:91] in _JOLIET_ESCAPES:
                joliet = data
            if data[0] in (_PRIMARY, _SUPPLEMENTARY):
                positions.append(position)
        if primary is None:
            raise IsoError("not an ISO 9660 image: no primary volume descriptor")
        self.descriptor_positions = tuple(positions)
        return primary, joliet

    def _descriptors(self) -> Iterator[tuple[int, bytes]]:
        """Each volume descriptor and where it is, up to the terminator."""
        for sector in range(16, 16 + _MOST_DESCRIPTORS):
            if (sector + 1) * BLOCK > self.file_size:
                raise IsoError(
                    f"not an ISO 9660 image: {self.file_size} bytes end before its descriptors"
                )
            data = self.read_extent(Extent(sector * BLOCK, BLOCK))
            if data[1:6] != b"CD001":
                raise IsoError(f"not an ISO 9660 image: no volume descriptor in sector {sector}")
            if data[0] == _TERMINATOR:
                return
            yield sector * BLOCK, data

    def _read_bytes_to_skip(self) -> int:
        first = self.read_extent(Extent(self._tree.root.offset, min(self._tree.root.length, BLOCK)))
        if not first or first[0] < 34 or first[0] > len(first):
            raise IsoError("the root directory is damaged")
        return rock_ridge.bytes_to_skip(first[34 : first[0]])

    def _records(self, tree: _Tree, directory: Extent) -> tuple[Record, ...]:
        key = tree, directory
        if key not in self._directories:
            if directory.length > _LARGEST_DIRECTORY:
                raise IsoError(
                    f"a directory of {directory.length} bytes at byte {directory.offset}; "
                    f"at most {_LARGEST_DIRECTORY} are expected"
                )
            content = self._read_directory_part(directory)
            self._directories[key] = tuple(records(directory, content, tree.name_of))
        return self._directories[key]

    def _read_directory_part(self, extent: Extent) -> bytes:
        """As L{read_extent}, for a bounded number of bytes over the volume's life."""
        self._directory_bytes += max(extent.length, _LEAST_CHARGE)
        if self._directory_bytes > _MOST_DIRECTORY_BYTES:
            raise IsoError(f"more than {_MOST_DIRECTORY_BYTES} bytes of directories")
        return self.read_extent(extent)

    def _rock_ridge_name(self, record: bytes) -> str:
        """The Rock Ridge name; else the ISO 9660 one as Linux shows it."""
        name = rock_ridge.name(system_use(record)[self._skip :], self._read_directory_part)
        if name is not None:
            return name
        return identifier(record).decode("latin-1").partition(";")[0].rstrip(".").lower()


def _joliet_name(record: bytes) -> str:
    """The name without its version; Joliet's are UCS-2, the more significant byte first."""
    return identifier(record).decode("utf-16-be", errors="replace").partition(";")[0]


def _root_extent(descriptor: bytes) -> Extent:
    return extent_of(descriptor[156:190])
