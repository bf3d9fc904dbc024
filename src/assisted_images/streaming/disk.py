"""Files on disk as sources of segments, read without ever making the reactor wait for the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.defer import Deferred

from assisted_images.segments import FileSegment, Representation
from assisted_images.streaming.threads import RunInThread

_MOST_BYTES = 256 * 1024
"""Bytes read at a time: more gains nothing, less costs (twisted-notes)."""

_MOST_REGION = 1024 * 1024
"""Bytes that a transport sends by itself at a time."""

_PROBE_STEP = 64 * 1024
"""The page cache fills and empties by runs of pages; a look at each of so many bytes will do."""


@dataclass(frozen=True, slots=True)
class FileRegion:
    """
    Bytes of a file that are in the page cache, and that nobody has read.

    It takes the place of C{bytes} on its way to a transport that sends files by itself.
    """

    file: DiskFile
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


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
        buffer = bytearray(min(length, _MOST_BYTES))
        try:
            count = os.preadv(self.descriptor, [buffer], offset, os.RWF_NOWAIT)
        except OSError:
            # EAGAIN: not in the page cache.  EOPNOTSUPP: a file system that cannot say.
            return self._run_in_thread(self._read_from_disk, offset, len(buffer))
        return self._checked(bytes(memoryview(buffer)[:count]), offset)

    def region(self, offset: int, length: int) -> FileRegion | Deferred[FileRegion]:
        """
        As L{read}, for transports that send files by themselves: the bytes are in the page cache,
        so that sending them does not wait for the disk.
        """
        region = FileRegion(self, offset, min(length, _MOST_REGION))
        if self._is_at_hand(region):
            return region
        return self._run_in_thread(self._brought_in, region)

    def _is_at_hand(self, region: FileRegion) -> bool:
        probe = [bytearray(1)]
        last = region.offset + region.length - 1
        try:
            return all(
                os.preadv(self.descriptor, probe, offset, os.RWF_NOWAIT)
                for offset in (*range(region.offset, last, _PROBE_STEP), last)
            )
        except OSError:
            return False

    def _brought_in(self, region: FileRegion) -> FileRegion:
        """Read the region, so that the page cache has it; runs in a thread."""
        return FileRegion(
            self, region.offset, len(self._read_from_disk(region.offset, region.length))
        )

    def _read_from_disk(self, offset: int, length: int) -> bytes:
        return self._checked(os.pread(self.descriptor, length, offset), offset)

    def _checked(self, data: bytes, offset: int) -> bytes:
        if not data:
            raise EOFError(f"{self.path.name} ends before byte {offset}; it was truncated")
        return data
