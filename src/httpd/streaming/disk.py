"""
Files on disk as sources of segments, read without ever making the reactor wait for the disk; and
the pieces that pass from a source to a consumer.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred

from httpd.concurrency.threads import RunInThread, own_threads
from httpd.representation.segments import FileSegment, Representation, Source

_MOST_BYTES = 256 * 1024
"""Bytes read at a time: more gains nothing, less costs (docs/explanation/performance.md)."""

_SHORT = FileDescriptor.bufferSize
"""Bytes that a transport of Twisted's has waiting without asking a producer to pause: 64 KiB."""

_THREADS = 10
"""As many as a reactor has by itself: a disk has not more to give when more ask."""

_PROBE_STEP = 64 * 1024
"""The page cache fills and empties by runs of pages; a look at each of so many bytes will do."""

_PROBE = [bytearray(1)]
"""Takes a byte that nobody looks at."""

_NOTHING = os.memfd_create("nothing")
"""A file without a byte."""

_UNSEEN = bytearray(_PROBE_STEP)
"""Takes what is read for the page cache's sake; any number of threads may write into it."""


@dataclass(frozen=True, slots=True)
class FileRegion:
    """
    Bytes of a file that nobody has read.

    It takes the place of C{bytes} on its way to a transport that sends files by itself.
    """

    file: DiskFile
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


Piece = bytes | FileRegion
"""Has a length in bytes."""


Answer = Piece | Awaitable[Piece]
"""A piece, now or later."""

ReadPiece = Callable[[Source, int, int], Answer]
"""Asks a source for one to C{length} bytes from C{offset} on, in a form that a transport takes."""


def read_bytes(source: Source, offset: int, length: int) -> Answer:
    """The L{ReadPiece} of every consumer that knows of nothing else."""
    return source.read(offset, length)


class RegionSource:
    """
    A source whose bytes are in a file, all or some of them.

    A base class and no protocol: it is looked at for each piece that a transport is sent.
    """

    def region(self, offset: int, length: int) -> FileRegion | None:
        """
        Some of C{length} bytes from C{offset} on, for a transport that sends by itself.

        @return: C{None}: they are not in a file, and C{read} will have them.
        """
        raise NotImplementedError


def short_region(body: Representation) -> FileRegion | None:
    """
    All of a body that is one short region of a file: it takes no producer to send that, since a
    transport keeps up to as much when a producer has ended.
    """
    if body.length > _SHORT or len(body.segments) != 1:
        return None
    [segment] = body.segments
    if isinstance(segment, FileSegment) and isinstance(segment.source, RegionSource):
        region = segment.source.region(segment.offset, segment.length)
        if region is not None and region.length == segment.length:
            return region
    return None


def disk_threads(reactor: Any) -> RunInThread:
    """
    Where the files of all downloads of a process are read that the page cache does not have.

    They wait for nothing else, and nothing else for them: on a slow disk there may be a hundred.
    """
    return own_threads(reactor, _THREADS, "disk reads")


class DiskFile(RegionSource):
    """
    One open file; a L{Source<httpd.representation.segments.Source>}.

    The file stays open for as long as anything refers to it, and so stays the same bytes even when
    its name is given to another file meanwhile; but not when somebody writes into it.  All reads
    are positional: any number of downloads share one.

    @raise OSError: from the constructor, when the file cannot be opened.
    """

    def __init__(self, path: Path, run_in_thread: RunInThread, sha256: str | None = None) -> None:
        """
        @param run_in_thread: where it is read when the disk must be asked.
        @param sha256: what it has been found to hold, in hexadecimal: names the content, and is the
            same wherever the same bytes are; without it name, size and time have to do.
        """
        self._run_in_thread = run_in_thread
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.descriptor)
        self.size: int = status.st_size
        """Bytes."""
        self.last_modified: float = status.st_mtime
        """Seconds since the epoch."""
        self.modified_ns: int = status.st_mtime_ns
        """The same, in nanoseconds."""
        self.sha256 = sha256
        self.identity: str = (
            f"{path.name} {self.size} {self.modified_ns}" if sha256 is None else f"sha256 {sha256}"
        )
        """Names the content."""
        self._file = status.st_dev, status.st_ino
        self.is_local: bool = self._probes()
        """Whether the file system answers at once; what cannot say may be at the end of a network,
        where even C{fstat} may wait."""

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def is_overwritten(self) -> bool:
        """Whether somebody has written into it; waits where it is not L{is_local}."""
        try:
            status = os.fstat(self.descriptor)
        except OSError:
            return True  # ESTALE: gone at the server
        return (status.st_size, status.st_mtime_ns) != (self.size, self.modified_ns)

    def is_replaced(self) -> bool:
        """Whether its name is another file's by now; blocking."""
        try:
            status = self.path.stat()
        except OSError:
            return False  # the bytes that are open are right without a name
        return (status.st_dev, status.st_ino) != self._file

    def withdraw(self) -> None:
        """Have it end here for all who read it: what is in it is not what they began with."""
        os.dup2(_NOTHING, self.descriptor, inheritable=False)

    def representation(self) -> Representation:
        """The whole file."""
        return Representation.of(FileSegment(self, 0, self.size))

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        """
        At least one byte, and at most C{length}, from C{offset} on: at once when the page cache
        has them, by way of a thread when the disk must be asked.

        @raise EOFError: nothing is there; the file is shorter than it was when it was opened.
            Comes out of the Deferred, as the next.
        @raise OSError: the disk failed.
        """
        length = min(length, _MOST_BYTES)
        if self.is_at_hand(offset, length):
            return self._read(offset, length)
        return self._run_in_thread(self._read, offset, length)

    def release(self) -> None:
        """Nothing is on its way but what others may read as well."""

    def region(self, offset: int, length: int) -> FileRegion:
        """C{length} bytes from C{offset} on, for a transport that sends by itself."""
        return FileRegion(self, offset, length)

    def is_at_hand(self, offset: int, length: int) -> bool:
        """Whether all these bytes are there, and in the page cache."""
        last = offset + length - 1
        try:
            if length <= _PROBE_STEP:  # as of a range, which this is a part of the price of
                return self._probe(offset) and self._probe(last)
            return all(map(self._probe, (*range(offset, last, _PROBE_STEP), last)))
        except OSError:
            # EAGAIN: not in the page cache.  EOPNOTSUPP: a file system that cannot say.
            return False

    def _probes(self) -> bool:
        try:
            self._probe(0)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def _probe(self, place: int) -> bool:
        """Whether the file has a byte there."""
        return os.preadv(self.descriptor, _PROBE, place, os.RWF_NOWAIT) != 0

    def read_into(self, buffer: memoryview, offset: int, *, wait: bool) -> int:
        """
        Read into C{buffer} what there is of as many bytes.

        @param wait: whether to ask the disk for what the page cache does not have.
        @return: bytes; 0 where none can be had.
        """
        try:
            return os.preadv(self.descriptor, [buffer], offset, 0 if wait else os.RWF_NOWAIT)
        except OSError:
            return 0

    def expect(self, offset: int, length: int) -> None:
        """
        Have the disk read ahead, where it seems that the page cache does not have these bytes.

        For one who is going to wait for them; the kernel by itself reads 128 KiB ahead.
        """
        try:
            self._probe(offset)
            self._probe(offset + length - 1)
        except OSError:  # as in is_at_hand
            os.posix_fadvise(self.descriptor, offset, length, os.POSIX_FADV_WILLNEED)

    def bring(self, offset: int, length: int) -> Deferred[None]:
        """
        Bring bytes into the page cache, those of them that there are.

        @return: fails with C{EOFError} when there is not even one, with C{OSError} when the disk
            failed.
        """
        return self._run_in_thread(self._bring, offset, length)

    def _bring(self, offset: int, length: int) -> None:
        os.posix_fadvise(self.descriptor, offset, length, os.POSIX_FADV_WILLNEED)
        pieces = -(-length // len(_UNSEEN))
        self._check(os.preadv(self.descriptor, [_UNSEEN] * pieces, offset), offset)

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self.descriptor, length, offset)
        self._check(len(data), offset)
        return data

    def _check(self, count: int, offset: int) -> None:
        if not count:
            raise EOFError(f"{self.path.name} ends before byte {offset}; it was truncated")
