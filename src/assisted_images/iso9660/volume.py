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
from collections.abc import Iterator

from assisted_images.iso9660 import rock_ridge
from assisted_images.iso9660.descriptors import (
    SYSTEM_AREA_BYTES,
    VOLUME_ID_BYTES,
    Descriptors,
    begins_volume,
    root_extent,
    volume_id_of,
)
from assisted_images.iso9660.directories import BLOCK, Record, records, system_use
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.iso9660.names import (
    Tree,
    joliet_tree,
    long_tree,
    plain_name,
    plain_tree,
    rock_ridge_tree,
)
from assisted_images.values import Extent

__all__ = [
    "BLOCK",
    "SYSTEM_AREA_BYTES",
    "VOLUME_ID_BYTES",
    "IsoError",
    "Volume",
    "begins_volume",
    "volume_id_of",
]

_LARGEST_DIRECTORY = 8 << 20
_MOST_DIRECTORIES = 10_000
_MOST_DIRECTORY_BYTES = 16 << 20
_LEAST_CHARGE = 256
_DEEPEST = 64


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

    boot_catalog: int | None
    """Where El Torito's boot catalog is, in bytes; None for a volume that does not boot so."""

    has_udf: bool
    """Whether the same files are in an UDF file system, too, which is not read here."""

    def __init__(self, file: SeekableFile) -> None:
        self._file = file
        self.file_size = file.seek(0, os.SEEK_END)
        self._directories: dict[tuple[Tree, Extent], tuple[Record, ...]] = {}
        self._directory_bytes = 0
        found = Descriptors.read(self.read_extent, self.file_size)
        self.volume_id, self.size = found.volume_id, found.volume_size
        self.descriptor_positions = tuple(found.positions)
        self.boot_catalog, self.has_udf = found.boot_catalog, found.has_udf
        root = root_extent(found.primary)
        self._skip = self._read_bytes_to_skip(root)
        own = rock_ridge_tree(root, self._rock_ridge_name)
        has_rock_ridge = self._has_rock_ridge(own)
        if not has_rock_ridge:
            own = plain_tree(root)
        joliet = None if found.joliet is None else joliet_tree(root_extent(found.joliet))
        self._tree = own if has_rock_ridge or joliet is None else joliet
        others = [long_tree(root_extent(one)) for one in found.other]
        self._trees = (own, *others, *filter(None, [joliet]))

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
        Where each directory lies, those of all trees.

        @raise IsoError: they form a loop, or there are absurdly many.
        """
        return (extent for extent, _ in self._walk())

    def files(self) -> Iterator[Record]:
        """
        Each file, once for each of the trees that it is in.

        @raise IsoError: as L{directories}.
        """
        return (one for _, found in self._walk() for one in found if not one.is_directory)

    def _walk(self) -> Iterator[tuple[Extent, tuple[Record, ...]]]:
        """Each directory and what is in it.  Trees may have a directory in common."""
        seen: set[int] = set()
        for root, tree in {tree.root: tree for tree in reversed(self._trees)}.items():
            waiting = [(root, 0)]
            while waiting:
                extent, depth = waiting.pop()
                if extent.offset in seen or depth > _DEEPEST:
                    raise IsoError(f"the directories form a loop at byte {extent.offset}")
                if len(seen) >= _MOST_DIRECTORIES:
                    raise IsoError(f"more than {_MOST_DIRECTORIES} directories")
                seen.add(extent.offset)
                found = self._records(tree, extent)
                yield extent, found
                waiting.extend(
                    (record.extents[0], depth + 1)
                    for record in found
                    if record.is_directory and record.extents
                )

    def _look_up(self, tree: Tree, path: str) -> Record | None:
        names = [name for name in path.split("/") if name]
        found: Record | None = None
        directory = tree.root
        for depth, name in enumerate(names):
            there = self._records(tree, directory)
            spellings = tree.spellings(name)
            found = next((one for word in spellings for one in there if one.name == word), None)
            if found is None:
                return None
            if depth < len(names) - 1:
                if not found.is_directory or not found.extents:
                    return None
                directory = found.extents[0]
        return found

    def _has_rock_ridge(self, tree: Tree) -> bool:
        """Whether any file in the root directory has a Rock Ridge name."""
        content = self._read_directory(tree.root)
        named = records(tree.root, content, lambda record: self._name_by_rock_ridge(record) or "")
        return any(record.name for record in named)

    def _read_bytes_to_skip(self, root: Extent) -> int:
        first = self.read_extent(Extent(root.offset, min(root.length, BLOCK)))
        if not first or first[0] < 34 or first[0] > len(first):
            raise IsoError("the root directory is damaged")
        return rock_ridge.bytes_to_skip(first[34 : first[0]])

    def _records(self, tree: Tree, directory: Extent) -> tuple[Record, ...]:
        key = tree, directory
        if key not in self._directories:
            content = self._read_directory(directory)
            self._directories[key] = tuple(records(directory, content, tree.name_of))
        return self._directories[key]

    def _read_directory(self, extent: Extent) -> bytes:
        if extent.length > _LARGEST_DIRECTORY:
            raise IsoError(
                f"a directory of {extent.length} bytes at byte {extent.offset}; "
                f"at most {_LARGEST_DIRECTORY} are expected"
            )
        return self._read_directory_part(extent)

    def _read_directory_part(self, extent: Extent) -> bytes:
        """As L{read_extent}, for a bounded number of bytes over the volume's life."""
        self._directory_bytes += max(extent.length, _LEAST_CHARGE)
        if self._directory_bytes > _MOST_DIRECTORY_BYTES:
            raise IsoError(f"more than {_MOST_DIRECTORY_BYTES} bytes of directories")
        return self.read_extent(extent)

    def _name_by_rock_ridge(self, record: bytes) -> str | None:
        return rock_ridge.name(system_use(record)[self._skip :], self._read_directory_part)

    def _rock_ridge_name(self, record: bytes) -> str:
        """The Rock Ridge name; the plain one of a file that has none."""
        return self._name_by_rock_ridge(record) or plain_name(record)
