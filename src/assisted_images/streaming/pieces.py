"""What passes from a source to a consumer: bytes, or what a transport takes in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from assisted_images.segments import Source
from assisted_images.streaming.disk import FileRegion

Piece = bytes | FileRegion
"""Has a length in bytes."""


class ReadableSource(Source, Protocol):
    """A source that can be asked for bytes; L{assisted_images.streaming.disk.DiskFile} is one."""

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        """One to C{length} bytes from C{offset} on, now or later."""


Answer = Piece | Deferred[bytes] | Deferred[FileRegion]
"""A piece, now or later."""

ReadPiece = Callable[[ReadableSource, int, int], Answer]
"""Asks a source for one to C{length} bytes from C{offset} on, in a form that a transport takes."""


def read_bytes(source: ReadableSource, offset: int, length: int) -> Answer:
    """The L{ReadPiece} of every consumer that knows of nothing else."""
    return source.read(offset, length)
