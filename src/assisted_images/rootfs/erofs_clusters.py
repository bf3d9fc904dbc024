"""
Compressed files of EROFS.

A file is cut into logical clusters, mostly of 4 KiB, and compressed in extents: an extent begins
somewhere in a cluster, its head, and lasts up to the next one's.  One index entry for each cluster
says whether an extent begins in it, where, and at which block its compressed form, the physical
cluster, lies.  Facts are from the Linux kernel, C{fs/erofs/erofs_fs.h} and C{fs/erofs/zmap.c}.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError
from assisted_images.rootfs import decompression
from assisted_images.rootfs.decompression import Decompress
from assisted_images.rootfs.erofs_indexes import Cluster, compact_pack, compact_place, full_clusters

__all__ = ["Clusters", "CompressedInode", "read_clusters"]

ReadAt = Callable[[int, int], bytes]
"""Reads so many bytes at a position of the file system."""

_HEADER_BYTES = 8
_LEGACY_PADDING = 8
_FULL_ENTRY_BYTES = 8
_FULL_ENTRIES_AT_ONCE = 512

_TWO_BYTE_ENTRIES, _BIG_PHYSICAL_1, _BIG_PHYSICAL_2 = 0x01, 0x02, 0x04
_INLINE_TAIL, _INTERLACED, _FRAGMENT_TAIL = 0x08, 0x10, 0x20
_ALL_IS_A_FRAGMENT = 0x80
_KNOWN_ADVICE = 0x3F
_FRAGMENT_MARK = 1 << 63

_LARGEST_EXTENT = 32 << 20
_LARGEST_PHYSICAL = 1 << 20
_CLUSTER_BITS = range(9, 21)

_ALGORITHMS: tuple[Decompress, ...] = (
    decompression.lz4_block,
    decompression.micro_lzma,
    decompression.deflate,
    decompression.zstd,
)
_LZ4 = 0


@dataclass(frozen=True, slots=True)
class CompressedInode:
    """What is known of a compressed file from its inode."""

    end: int
    """Where the inode ends, in bytes from the file system's start."""

    size: int
    """Bytes of the content."""

    is_full: bool
    """Whether index entries have 8 bytes each, instead of being packed into 4 or 2."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of a file's content that was compressed as one."""

    start: int
    stop: int
    head: Cluster
    physical_position: int
    physical_length: int


class Clusters:
    """
    The index of one compressed file.

    @raise IsoError: it makes no sense.
    """

    def __init__(
        self, read_at: ReadAt, inode: CompressedInode, block_bits: int, *, has_zero_padding: bool
    ) -> None:
        self._read_at = read_at
        self._is_full = inode.is_full
        self.size = inode.size
        self.block_bits = block_bits
        self._has_zero_padding = has_zero_padding
        header_at = -(-inode.end // 8) * 8
        header = read_at(header_at, _HEADER_BYTES)
        fragment: int
        advice: int
        algorithms: int
        bits: int
        fragment, advice, algorithms, bits = struct.unpack("<IHBB", header)
        self.whole_fragment: int | None = None
        """Where the whole file is among the fragments, if it is."""

        if bits & _ALL_IS_A_FRAGMENT:
            self.whole_fragment = int.from_bytes(header, "little") ^ _FRAGMENT_MARK
        elif advice & ~_KNOWN_ADVICE:
            raise IsoError(f"a file of root.erofs has the unknown compression flags {advice:#x}")
        self._advice = advice
        self._fragment = fragment
        self._algorithms = (algorithms & 0x0F, algorithms >> 4)
        self.bits = block_bits + (bits & 0x0F)
        if self.bits not in _CLUSTER_BITS:
            raise IsoError(f"a file of root.erofs has clusters of 2^{self.bits} bytes")
        self._indexes_at = header_at + _HEADER_BYTES
        self._count = -(-inode.size >> self.bits)
        self._packs: dict[int, tuple[Cluster, ...]] = {}

    def extents(self, start: int, stop: int) -> Iterator[Extent]:
        """Those that have the content from C{start} to C{stop}."""
        number = self._head_before(start)
        while number < self._count:
            head = self._cluster(number)
            following = self._next_head(number)
            begin = (number << self.bits) + head.offset
            end = self.size
            if following < self._count:
                # A head at the end of the file may mark just that.
                end = min((following << self.bits) + self._cluster(following).offset, self.size)
            if begin >= stop:
                return
            if not 0 < end - begin <= _LARGEST_EXTENT:
                raise IsoError(f"a file of root.erofs has an extent of {end - begin} bytes")
            yield self._extent(number, head, begin, end)
            number = following

    def fragment_of(self, extent: Extent) -> int | None:
        """Where among the fragments an extent is; None when it is not there."""
        if not self._is_fragment(extent.stop):
            return None
        return self._fragment | (extent.head.block << 32 if self._is_full else 0)

    def content(self, extent: Extent) -> bytes:
        """
        An extent's content.

        @raise IsoError: it cannot be decompressed.
        """
        raw = self._read_at(extent.physical_position, extent.physical_length)
        length = extent.stop - extent.start
        if extent.head.is_plain:
            return self._uncompressed(raw, extent, length)
        algorithm = self._algorithms[extent.head.algorithm]
        if algorithm >= len(_ALGORITHMS):
            raise IsoError(f"root.erofs cannot be read: it has compression {algorithm}")
        if algorithm == _LZ4 and not self._has_zero_padding:
            raise IsoError("root.erofs cannot be read: its LZ4 has no zero padding")
        # Another file may have more of a shared one.
        limit = _LARGEST_EXTENT if extent.head.is_partial and algorithm == _LZ4 else length
        try:
            content = _ALGORITHMS[algorithm](raw.lstrip(b"\0"), limit)[:length]
        # The libraries' errors have nothing in common.
        except Exception as problem:
            raise IsoError(f"root.erofs cannot be decompressed: {problem}") from None
        if len(content) != length:
            raise IsoError(f"root.erofs has {len(content)} bytes where {length} are expected")
        return content

    def _is_fragment(self, stop: int) -> bool:
        """Whether the extent that lasts up to C{stop} is among the fragments."""
        return stop == self.size and bool(self._advice & _FRAGMENT_TAIL)

    def _uncompressed(self, raw: bytes, extent: Extent, length: int) -> bytes:
        """From the block's start on; or where it would be in the file, turned around at its end."""
        if self._advice & _INTERLACED:
            turn = extent.start % (1 << self.block_bits)
            raw = raw[turn:] + raw[:turn]
        if len(raw) < length:
            raise IsoError(f"root.erofs has {len(raw)} bytes where {length} are expected")
        return raw[:length]

    def _extent(self, number: int, head: Cluster, begin: int, end: int) -> Extent:
        inline = self._fragment >> 16 if self._advice & _INLINE_TAIL else 0
        if end == self.size and inline:
            return Extent(begin, end, head, self._end_of_indexes(), inline)
        if self._is_fragment(end):
            # It has no physical cluster of its own, so none of its entries says how long that is.
            return Extent(begin, end, head, 0, 0)
        blocks = self._physical_blocks(number, head)
        length = blocks << self.block_bits
        if length > _LARGEST_PHYSICAL:
            raise IsoError(f"root.erofs has a physical cluster of {length} bytes")
        return Extent(begin, end, head, head.block << self.block_bits, length)

    def _physical_blocks(self, number: int, head: Cluster) -> int:
        big = _BIG_PHYSICAL_2 if head.algorithm or head.is_plain else _BIG_PHYSICAL_1
        if self._advice & big and number + 1 < self._count:
            behind = self._cluster(number + 1)
            if not behind.is_head:
                if not behind.blocks:
                    raise IsoError("root.erofs has a physical cluster of unknown size")
                return behind.blocks
        return 1 << (self.bits - self.block_bits)

    def _head_before(self, position: int) -> int:
        last = min(position >> self.bits, self._count - 1)
        first = max(last - (_LARGEST_EXTENT >> self.bits), 0)
        for number in range(last, first - 1, -1):
            cluster = self._cluster(number)
            if cluster.is_head and (number << self.bits) + cluster.offset <= position:
                return number
        raise IsoError(f"root.erofs has no extent with byte {position} of a file")

    def _next_head(self, number: int) -> int:
        for following in range(number + 1, self._count):
            if self._cluster(following).is_head:
                return following
        return self._count

    def _cluster(self, number: int) -> Cluster:
        first, position, length, entries = self._pack(number)
        if first not in self._packs:
            raw = self._read_at(position, length)
            if self._is_full:
                clusters = full_clusters(raw)
            else:
                is_big = bool(self._advice & (_BIG_PHYSICAL_1 | _BIG_PHYSICAL_2))
                clusters = compact_pack(raw, entries, self.bits, big_physical_clusters=is_big)
            self._packs[first] = clusters
        return self._packs[first][number - first]

    def _pack(self, number: int) -> tuple[int, int, int, int]:
        """
        The entries that are read together with that of a cluster: the first one's number, where
        they lie, how many bytes they take, how many they are.
        """
        if self._is_full:
            first = number - number % _FULL_ENTRIES_AT_ONCE
            entries = min(_FULL_ENTRIES_AT_ONCE, self._count - first)
            at = self._indexes_at + _LEGACY_PADDING + first * _FULL_ENTRY_BYTES
            return first, at, entries * _FULL_ENTRY_BYTES, entries
        two_bytes = bool(self._advice & _TWO_BYTE_ENTRIES)
        return compact_place(number, self._indexes_at, self._count, two_byte_entries=two_bytes)

    def _end_of_indexes(self) -> int:
        """Where the tail of a file is that is kept with its inode."""
        _, position, length, _ = self._pack(self._count - 1)
        return position + length


def read_clusters(
    clusters: Clusters, start: int, stop: int, read_fragment: Callable[[int, int], bytes]
) -> bytes:
    """
    A file's content from C{start} to C{stop}.

    @param read_fragment: reads so many bytes at a position of the fragments.
    @raise IsoError: it cannot be had.
    """
    if start == stop:
        return b""
    if clusters.whole_fragment is not None:
        return read_fragment(clusters.whole_fragment + start, stop - start)
    parts = []
    for extent in clusters.extents(start, stop):
        first, last = max(start, extent.start), min(stop, extent.stop)
        fragment = clusters.fragment_of(extent)
        if fragment is not None:
            parts.append(read_fragment(fragment + first - extent.start, last - first))
        else:
            parts.append(clusters.content(extent)[first - extent.start : last - extent.start])
    return b"".join(parts)
