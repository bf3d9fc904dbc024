"""
Files on disk as sources of segments, read without ever making the reactor wait for the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred

from assisted_images.segments import FileSegment, Representation
from assisted_images.streaming.threads import RunInThread


class DiskFile:
    """
    One open file; a L{Source<assisted_images.segments.Source>}.

    The file stays open, and so stays the same bytes, for as long as anything refers to it, even
    when its name is given to another file meanwhile.  All reads are positional: any number of
    downloads share one.

    @raise OSError: from the constructor, when the file cannot be opened.
    """

    def __init__(self, path: Path, run_in_thread: RunInThread) -> None:
        self._run_in_thread = run_in_thread
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.descriptor)
        self.size: int = status.st_size
        """Bytes."""
        self.last_modified: float = status.st_mtime
        """Seconds since the epoch."""
        self.identity: str = f"{path.name} {status.st_size} {status.st_mtime_ns}"
        """Names the content; the same on every replica that keeps its origin's times."""

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def representation(self) -> Representation:
        """The whole file."""
        return Representation.of(FileSegment(self, 0, self.size))

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        """
        At least one byte, and at most C{length}, from C{offset} on: at once when the page cache
        has them, by way of a thread when the disk must be asked.

        @raise EOFError: nothing is there; the file is shorter than it was when it was opened.
            May come out of the Deferred, too.
        @raise OSError: the disk failed; likewise.
        """
        buffer = bytearray(length)
        try:
            count = os.preadv(self.descriptor, [buffer], offset, os.RWF_NOWAIT)
        except OSError:
            # EAGAIN: not in the page cache.  EOPNOTSUPP: a file system that cannot say.
            return self._run_in_thread(self._read_from_disk, offset, length)
        return self._checked(bytes(memoryview(buffer)[:count]), offset)

    def _read_from_disk(self, offset: int, length: int) -> bytes:
        return self._checked(os.pread(self.descriptor, length, offset), offset)

    def _checked(self, data: bytes, offset: int) -> bytes:
        if not data:
            raise EOFError(f"{self.path.name} ends before byte {offset}; it was truncated")
        return data
