"""What this package asks of a binary file that it reads at places of its own choice."""

from __future__ import annotations

from typing import Protocol


class SeekableFile(Protocol):
    """C{BinaryIO} has these two methods, and so have the views that this package makes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to C{offset}, in bytes; C{whence} as in L{io.IOBase.seek}.  The new position."""

    def read(self, size: int = -1, /) -> bytes:
        """The next C{size} bytes; fewer only at the end of the file."""
