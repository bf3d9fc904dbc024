"""Which blocks go when there is no room for another.  Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count
from typing import TypeVar

_Image = TypeVar("_Image")


def least_recently_used(
    images: Iterable[tuple[_Image, bytes, Sequence[int]]], most: int
) -> list[tuple[_Image, int]]:
    """
    The blocks that were used last longest ago, of all images together.

    @param images: each with what there is of it, a byte for each block that is false where it is
        absent; and when each block was used last.
    @param most: how many.
    @return: the images and their blocks, the least recently used one first.
    """
    chosen = heapq.nsmallest(most, _blocks(images), key=lambda candidate: candidate[0])
    return [(image, block) for _, image, block in chosen]


def _blocks(
    images: Iterable[tuple[_Image, bytes, Sequence[int]]],
) -> Iterator[tuple[int, _Image, int]]:
    for image, states, uses in images:
        for block in compress(count(), states):
            yield uses[block], image, block
