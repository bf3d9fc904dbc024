"""
The index entries of compressed files of EROFS, in their two forms: 8 bytes each, or packed into
packs of 2 entries in 8 bytes or of 16 entries in 32 bytes, with one block number in each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError

_FULL_ENTRY = struct.Struct("<HHI")
_PLAIN, _HEAD_1, _NOT_A_HEAD, _HEAD_2 = range(4)
_IS_BLOCK_COUNT = 0x800
_IS_PARTIAL = 0x8000

_FOUR_BYTE_PACK = 8, 2
_TWO_BYTE_PACK = 32, 16
_FEWEST_LOW_BITS = 12
_MOST_CLUSTER_BITS = 14


@dataclass(frozen=True, slots=True)
class Cluster:
    """What an entry says of its logical cluster."""

    is_head: bool
    """Whether an extent begins in it."""

    is_plain: bool = False
    """Whether that extent is not compressed."""

    algorithm: int = 0
    """Which one of the file's two algorithms compressed it: 0 or 1."""

    offset: int = 0
    """Where in the cluster the extent begins, in bytes."""

    block: int = 0
    """The first block of the physical cluster."""

    blocks: int = 0
    """In the cluster behind a head: how many blocks that one's physical cluster has; or 0."""

    is_partial: bool = False
    """Whether the physical cluster may have more content than this extent."""


def full_clusters(raw: bytes) -> tuple[Cluster, ...]:
    """The clusters of entries of 8 bytes each."""
    return tuple(_full_cluster(*entry) for entry in _FULL_ENTRY.iter_unpack(raw))


def _full_cluster(advice: int, offset: int, block: int) -> Cluster:
    kind = advice & 3
    if kind == _NOT_A_HEAD:
        distance = block & 0xFFFF
        return Cluster(
            False, blocks=distance & ~_IS_BLOCK_COUNT if distance & _IS_BLOCK_COUNT else 0
        )
    return _head(kind, offset, block, is_partial=bool(advice & _IS_PARTIAL))


def compact_place(
    number: int, indexes_at: int, count: int, *, two_byte_entries: bool
) -> tuple[int, int, int, int]:
    """
    The pack with a cluster's entry: its first entry's number, position, bytes, number of entries.

    Packs of 32 bytes begin at multiples of 32 bytes; before the first and behind the last one of
    them are packs of 8.

    @param indexes_at: where the first pack is.
    @param count: how many entries there are.
    """
    before = -indexes_at % 32 // 4
    in_large = (count - before) // 16 * 16 if two_byte_entries and before < count else 0
    if before <= number < before + in_large:
        size, entries = _TWO_BYTE_PACK
        start, position = before, indexes_at + before * 4
    else:
        size, entries = _FOUR_BYTE_PACK
        start, position = 0, indexes_at
        if number >= before + in_large:
            start, position = before + in_large, indexes_at + before * 4 + in_large * 2
    pack = (number - start) // entries
    return start + pack * entries, position + pack * size, size, entries


def compact_pack(
    raw: bytes, entries: int, cluster_bits: int, *, big_physical_clusters: bool
) -> tuple[Cluster, ...]:
    """
    The clusters of one pack: as many bits for each entry, then the number of a block.

    @raise IsoError: clusters are too large for this form.
    """
    if cluster_bits > (_MOST_CLUSTER_BITS if entries == 2 else _FEWEST_LOW_BITS):
        raise IsoError(f"root.erofs has packed indexes for clusters of 2^{cluster_bits} bytes")
    low_bits = max(cluster_bits, _FEWEST_LOW_BITS)
    width = (len(raw) - 4) * 8 // entries
    bits = int.from_bytes(raw[:-4], "little")
    (block,) = struct.unpack_from("<I", raw, len(raw) - 4)
    clusters: list[Cluster] = []
    # The block is where the first physical cluster of a known size lies; without big ones, which
    # have sizes, it is the one in front of the pack's first.
    for number in range(entries):
        entry = bits >> (number * width)
        low, kind = entry & ((1 << low_bits) - 1), entry >> low_bits & 3
        if kind == _NOT_A_HEAD:
            blocks = low & ~_IS_BLOCK_COUNT if low & _IS_BLOCK_COUNT else 0
            clusters.append(Cluster(False, blocks=blocks))
            if big_physical_clusters:
                after_head = number > 0 and clusters[-2].is_head
                block += blocks - after_head if blocks else 0
            continue
        if not big_physical_clusters:
            block += 1
        clusters.append(_head(kind, low, block))
        if big_physical_clusters:
            block += 1
    return tuple(clusters)


def _head(kind: int, offset: int, block: int, *, is_partial: bool = False) -> Cluster:
    return Cluster(
        True, kind == _PLAIN, int(kind == _HEAD_2), offset, block & 0xFFFFFFFF, 0, is_partial
    )
