"""What is where in a file of blocks (L{assisted_images.on_demand.block_file}).  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

BLOCK = 1 << 20
"""Bytes in a block; the last one of an image may have fewer."""

_PAGE = 4096


@dataclass(frozen=True)
class Shape:
    """What is where; in bytes from the file's start.  Computed once: each request asks for some."""

    size: int

    @cached_property
    def count(self) -> int:
        """Blocks."""
        return -(-self.size // BLOCK)

    @cached_property
    def header(self) -> int:
        """The header."""
        return -(-self.size // _PAGE) * _PAGE

    @cached_property
    def states(self) -> int:
        """A byte for each block."""
        return self.header + _PAGE

    @cached_property
    def uses(self) -> int:
        """Eight for each."""
        return self.states + -(-self.count // _PAGE) * _PAGE

    @cached_property
    def end(self) -> int:
        """The end of all."""
        return self.uses + 8 * self.count
