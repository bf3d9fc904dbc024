"""
A process that reads, fetches and evicts blocks at random, for as long as it is let: started by
tests with a file, a seed, a size in blocks, and how many blocks may be there.

Prints a line for each block that has wrong bytes.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from assisted_images.on_demand.block_file import ABSENT, WRITTEN, BlockFile
from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.held_blocks import HeldBlocks, OwnThread

DIGEST = bytes(32)
_LAST = 100


def image_size(blocks: int) -> int:
    return (blocks - 1) * BLOCK + _LAST


def content(file: BlockFile, block: int) -> bytes:
    """What the origin has of a block: no zeros."""
    _, length = file.extent(block, block + 1)
    return (b"%08d" % (block + 10_000_000) * (BLOCK // 8))[:length]


def found(file: BlockFile, block: int) -> bytes:
    with file.path.open("rb") as reader:
        start, length = file.extent(block, block + 1)
        return os.pread(reader.fileno(), length, start)


def open_blocks(path: Path, blocks: int) -> HeldBlocks:
    file = BlockFile.open(path, image_size(blocks), DIGEST)
    return HeldBlocks(file, OwnThread(lambda function: function()))


def step(held: HeldBlocks, chance: random.Random, most: int) -> None:
    file = held.file
    block = chance.randrange(file.count)
    if (pin := held.pin(block, 4)) is not None:
        for each in range(pin.first, pin.stop):
            if found(file, each) != content(file, each):
                print("wrong", each, flush=True)
        return
    with held.change(block) as is_held:
        if is_held and not held.is_here(block):
            file.write(block, content(file, block))
            file.mark(block, block + 1, WRITTEN)
    here = [each for each in range(file.count) if held.is_here(each)]
    if len(here) > most:
        victim = chance.choice(here)
        with held.change(victim) as is_held:
            if is_held and held.is_here(victim):
                file.mark(victim, victim + 1, ABSENT)
                file.punch([(victim, victim + 1)])


def main(path: str, seed: str, blocks: str, most: str) -> None:
    held = open_blocks(Path(path), int(blocks))
    chance = random.Random(int(seed))
    print("begun", flush=True)
    while True:
        step(held, chance, int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
