"""
A small reader of EROFS, the Enhanced Read-Only File System: just what it takes to read one program.

Facts are from the Linux kernel: C{Documentation/filesystems/erofs.rst} and C{fs/erofs/erofs_fs.h}.
Nothing in the image is trusted: every read is bounded and inside the file system's extent.
Compressed files are L{assisted_images.rootfs.erofs_clusters}'s.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.rootfs.erofs_clusters import Clusters, CompressedInode, read_clusters
from assisted_images.values import Extent

_SUPERBLOCK_AT = 1024
_SUPERBLOCK_BYTES = 128
_MAGIC = 0xE0F5E1E2
_BLOCK_BITS = range(9, 17)

_ZERO_PADDING, _DEVICES, _FRAGMENTS = 0x01, 0x08, 0x20
# Zero padding, big physical clusters, chunks, devices or a second algorithm, tails in inodes,
# fragments or shared clusters, prefixes of attribute names.
_KNOWN_FEATURES = 0x7F
_FEATURES = {0x80: "48-bit block numbers", 0x100: "compressed metadata"}

_INODE_SLOT = 32
_PLAIN, _COMPRESSED_FULL, _INLINE, _COMPRESSED_COMPACT, _CHUNKS = range(5)

_ENTRY = struct.Struct("<QHBx")
_IS_FILE, _IS_DIRECTORY = 1, 2
_LARGEST_DIRECTORY = 16 << 20
_MOST_DIRECTORY_BYTES = 256 << 20
_MOST_DIRECTORIES = 200_000
_LONGEST_PATH = 4096
_LARGEST_READ = 256 << 20


@dataclass(frozen=True, slots=True)
class Inode:
    """A file or directory."""

    number: int
    mode: int
    """Type and permissions, as in C{stat.st_mode}."""

    size: int
    """Bytes of its content."""

    layout: int
    block: int
    """Where its blocks are, in layouts without compression."""

    end: int
    """Where what describes it ends, attributes included, in bytes from the file system's start."""


def read_program(file: SeekableFile, extent: Extent, ending: str, limit: int) -> bytes:
    """
    The content of the file whose path ends in C{ending}, in the file system at C{extent}.

    @param ending: with a slash at its start.
    @param limit: the most bytes that are acceptable.
    @raise IsoError: there is none, it is larger, or the file system cannot be read.
    """
    system = Erofs(file, extent)
    for path, number in system.files():
        if path.endswith(ending):
            inode = system.inode(number)
            if inode.size > limit:
                raise IsoError(f"{path.rpartition('/')[2]} has {inode.size} bytes in root.erofs")
            return system.read(inode)
    raise IsoError(f"no {ending.lstrip('/')} in root.erofs")


class Erofs:
    """
    The file system that lies in C{file} at C{extent}.

    @raise IsoError: there is none, or it has features that are not known here.
    """

    def __init__(self, file: SeekableFile, extent: Extent) -> None:
        self._file = file
        self._extent = extent
        block = self.read_at(_SUPERBLOCK_AT, _SUPERBLOCK_BYTES)
        (magic,) = struct.unpack_from("<I", block, 0)
        if magic != _MAGIC:
            raise IsoError("root.erofs has no superblock of EROFS")
        self.block_bits: int = block[12]
        (self._root,) = struct.unpack_from("<H", block, 14)
        (self._metadata,) = struct.unpack_from("<I", block, 40)
        (features,) = struct.unpack_from("<I", block, 80)
        (devices,) = struct.unpack_from("<H", block, 86)
        (self._packed,) = struct.unpack_from("<Q", block, 96)
        self._check(features, devices, block[90])
        self.has_zero_padding = bool(features & _ZERO_PADDING)
        self._has_fragments = bool(features & _FRAGMENTS)

    def _check(self, features: int, devices: int, directory_bits: int) -> None:
        for bit in (1 << number for number in range(32)):
            if features & bit & ~_KNOWN_FEATURES:
                raise IsoError(
                    f"root.erofs cannot be read: it has {_FEATURES.get(bit, f'feature {bit:#x}')}"
                )
        if features & _DEVICES and devices:
            raise IsoError("root.erofs cannot be read: its content is on other devices")
        if self.block_bits not in _BLOCK_BITS or directory_bits:
            raise IsoError(f"root.erofs has blocks of 2^{self.block_bits} bytes")

    def read_at(self, position: int, length: int) -> bytes:
        """
        Bytes of the file system.

        @raise IsoError: they are not all inside.
        """
        if not 0 <= position <= position + length <= self._extent.length:
            raise IsoError(
                f"root.erofs has {self._extent.length} bytes, but there is something at {position}"
            )
        if length > _LARGEST_READ:
            raise IsoError(f"something of {length} bytes in root.erofs")
        self._file.seek(self._extent.offset + position)
        data = self._file.read(length)
        if len(data) != length:
            raise IsoError("root.erofs is cut off")
        return data

    def inode(self, number: int) -> Inode:
        """
        The inode with that number.

        @raise IsoError: it is outside the file system or of an unknown version.
        """
        position = (self._metadata << self.block_bits) + number * _INODE_SLOT
        head = self.read_at(position, 32)
        kind, attributes, mode = struct.unpack_from("<HHH", head, 0)
        (block,) = struct.unpack_from("<I", head, 16)
        if kind & 1:
            head_bytes, (size,) = 64, struct.unpack_from("<Q", head, 8)
        else:
            head_bytes, (size,) = 32, struct.unpack_from("<I", head, 8)
        attribute_bytes = 12 + (attributes - 1) * 4 if attributes else 0
        end = position + head_bytes + attribute_bytes
        return Inode(number, mode, size, kind >> 1 & 7, block, end)

    def files(self) -> Iterator[tuple[str, int]]:
        """
        The path of each regular file, with a slash at its start, and its inode's number.

        @raise IsoError: directories that are damaged, absurdly many or absurdly deep.
        """
        waiting = [("", self._root)]
        seen: set[int] = set()
        total = 0
        while waiting:
            parent, number = waiting.pop()
            if number in seen:
                raise IsoError(f"the directories of root.erofs form a loop at {parent or '/'}")
            seen.add(number)
            directory = self.inode(number)
            total += directory.size
            if len(seen) > _MOST_DIRECTORIES or total > _MOST_DIRECTORY_BYTES:
                raise IsoError("root.erofs has absurdly many directories")
            for name, child, kind in self._entries(directory):
                path = f"{parent}/{name}"
                if len(path) > _LONGEST_PATH:
                    raise IsoError("root.erofs has an absurdly long path")
                if kind == _IS_FILE:
                    yield path, child
                elif kind == _IS_DIRECTORY:
                    waiting.append((path, child))

    def _entries(self, directory: Inode) -> Iterator[tuple[str, int, int]]:
        """Name, inode number and type of what is in a directory, but for itself and its parent."""
        if not stat.S_ISDIR(directory.mode) or directory.size > _LARGEST_DIRECTORY:
            raise IsoError(f"inode {directory.number} of root.erofs is no sane directory")
        content = self.read(directory)
        for start in range(0, len(content), 1 << self.block_bits):
            block = content[start : start + (1 << self.block_bits)]
            names_at = struct.unpack_from("<H", block, 8)[0] if len(block) >= _ENTRY.size else 0
            if names_at % _ENTRY.size or not 0 < names_at <= len(block):
                raise IsoError(f"directory {directory.number} of root.erofs is damaged")
            entries = list(_ENTRY.iter_unpack(block[:names_at]))
            ends = [name_at for _, name_at, _ in entries[1:]] + [len(block)]
            for (number, name_at, kind), end in zip(entries, ends, strict=True):
                name = block[name_at:end].rstrip(b"\0").decode(errors="surrogateescape")
                if name not in (".", ".."):
                    yield name, number, kind

    def read(self, inode: Inode) -> bytes:
        """
        All of a file's content.

        @raise IsoError: it is damaged, absurdly large, or stored in an unknown way.
        """
        return self._read_range(inode, 0, inode.size, may_have_fragments=True)

    def _read_range(
        self, inode: Inode, start: int, stop: int, *, may_have_fragments: bool
    ) -> bytes:
        if not 0 <= start <= stop <= inode.size or stop - start > _LARGEST_READ:
            raise IsoError(f"bytes {start} to {stop} of {inode.size} in a file of root.erofs")
        if inode.layout in (_PLAIN, _INLINE):
            return self._read_plain(inode, start, stop)
        if inode.layout not in (_COMPRESSED_FULL, _COMPRESSED_COMPACT):
            what = "files in chunks" if inode.layout == _CHUNKS else f"data layout {inode.layout}"
            raise IsoError(f"root.erofs cannot be read: it has {what}")
        clusters = Clusters(
            self.read_at,
            CompressedInode(inode.end, inode.size, inode.layout == _COMPRESSED_FULL),
            self.block_bits,
            has_zero_padding=self.has_zero_padding,
        )
        fragment = self._read_fragment if may_have_fragments else _no_fragment
        return read_clusters(clusters, start, stop, fragment)

    def _read_plain(self, inode: Inode, start: int, stop: int) -> bytes:
        """Blocks one after the other; the last, partial one may be behind the inode instead."""
        inline = inode.size % (1 << self.block_bits) if inode.layout == _INLINE else 0
        in_blocks = inode.size - inline
        first = inode.block << self.block_bits
        content = b""
        if start < in_blocks:
            end = min(stop, in_blocks)
            content = self.read_at(first + start, end - start)
        if stop > in_blocks:
            begin = max(start, in_blocks)
            content += self.read_at(inode.end + begin - in_blocks, stop - begin)
        return content

    def _read_fragment(self, start: int, length: int) -> bytes:
        """Ends of files, or small ones, are put together in the content of one hidden inode."""
        if not self._has_fragments:
            raise IsoError("a file of root.erofs has a fragment, but the file system has none")
        packed = self.inode(self._packed)
        return self._read_range(packed, start, start + length, may_have_fragments=False)


def _no_fragment(start: int, length: int) -> bytes:
    raise IsoError(f"the fragments of root.erofs have fragments: {length} bytes at {start}")
