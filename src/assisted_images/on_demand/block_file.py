"""
The blocks of one image that are here: a sparse file, with a note of what is in it behind its end.

C{<image>.blocks} has the image's bytes at their own places, so that what is there is sent from it
as from any file.  Behind them come a header, one byte for each block, and the time of its last use.

What a block's byte says is true after the end of a process at any moment, and after that of the
machine: the block is written whole before the byte says that it is I{written}, and on the disk
(C{fdatasync}) before it says I{durable}.  Whoever opens the file first after a start of the machine
takes back all that is not durable.  A block is I{going}, on the disk, before it is punched out, and
I{absent} when it has gone: nobody sees it from the former on, but it takes room until the latter.

Several processes have one file open.  They agree by locks on the very bytes (C{F_OFD_SETLK},
fcntl(2)), which end with their process: who sends a block holds a read lock on it; who writes it,
or takes it away, a write lock.  Nobody waits for one.

Blocking, as far as a disk is; what is behind the image's end is small, and stays in memory.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from assisted_images.downloads.durable import is_still, sync_directory
from assisted_images.on_demand.block_places import BLOCK, Shape
from assisted_images.on_demand.file_ranges import Lock, lock, punch_hole, try_lock, unlock

BLOCKS = ".blocks"
"""Follows the name of an ISO, for the file with its blocks."""

ABSENT, WRITTEN, DURABLE, GOING = range(4)
"""What a block's byte says."""

_SEEN = bytes.maketrans(bytes([GOING]), bytes([ABSENT]))
"""What who asks is told."""

_CLOSED = -1
_HEADER = struct.Struct("<12sIQ32s16s")
_MAGIC = b"OS image/1\r\n"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BlockFile:
    """
    The file, open; blocks are counted from 0.

    @ivar is_new: whether it was begun just now, with no block.
    @ivar sealed: whether nothing is said of blocks any more by this process, so that another may
        publish the file.
    """

    def __init__(self, path: Path, descriptor: int, size: int, *, is_new: bool) -> None:
        self.path = path
        self.size = size
        """Bytes of the image."""
        self.is_new = is_new
        self.sealed = False
        self._descriptor = descriptor
        self._shape = Shape(size)
        self.count: int = self._shape.count
        """Blocks of the image, here or not."""

    def __del__(self) -> None:
        descriptor, self._descriptor = self._descriptor, _CLOSED
        os.close(descriptor)

    @classmethod
    def open(cls, path: Path, size: int, digest: bytes, *, begin: bool = True) -> BlockFile:
        """
        Open the file.

        @param size: bytes of the image.
        @param digest: 32 bytes that stand for its content.
        @param begin: whether one without a block is begun where there is none, or in the place of
            one of another size or digest.
        @raise OSError: it cannot be made, or the file system has no locks or cannot make holes; or
            there is none such, and none is begun.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if begin else 0)
        while True:
            descriptor = os.open(path, flags, 0o644)
            file = cls(path, descriptor, size, is_new=False)
            with file._turn():
                if not is_still(path, descriptor):
                    continue
                if not os.fstat(descriptor).st_size:
                    file._begin(digest)
                elif not file._is_of(digest):
                    if not begin:
                        raise OSError(errno.ESTALE, "another image has this name by now")
                    path.unlink(missing_ok=True)
                    continue
                file._recover(digest)
                file._lock_users(Lock.SHARED)
                return file

    def seal(self, *, sealed: bool) -> None:
        """
        Have nothing more written into the file, of which all blocks are here; or again.

        One that another process has published, or is about to, stays sealed.
        """
        if sealed:
            unlock(self._descriptor, self._users, 1)
            self.sealed = True
        elif self.sealed:
            self.sealed = not self._lock_users(Lock.SHARED) or self._is_published()

    def publish(self, target: Path, last_modified: float | None) -> bool:
        """
        Make it the ISO C{target}, with nothing behind the image; to be called once it is sealed.
        It is still good for reading.

        @param last_modified: seconds since the epoch.
        @return: whether that is done, by this process or another; not while a block is absent, or
            another process has it open and has not sealed it.
        @raise OSError: the disk is broken.
        """
        with self._turn():
            if self._is_published():
                return True
            if not self._lock_users(Lock.EXCLUSIVE):
                return False
            if ABSENT in self.states(0, self.count):
                unlock(self._descriptor, self._users, 1)
                return False
            os.ftruncate(self._descriptor, self.size)
            if last_modified is not None:
                os.utime(self._descriptor, (last_modified,) * 2)
            os.fsync(self._descriptor)
            self.path.replace(target)
            sync_directory(target.parent)
            return True

    def _is_published(self) -> bool:
        return os.fstat(self._descriptor).st_size == self.size

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Within, nobody else opens or publishes it."""
        lock(self._descriptor, Lock.EXCLUSIVE, self._shape.header, 1)
        try:
            yield
        finally:
            unlock(self._descriptor, self._shape.header, 1)

    def _lock_users(self, kind: Lock) -> bool:
        """All that write into it share one lock; who publishes it has that alone."""
        return try_lock(self._descriptor, kind, self._users, 1)

    @property
    def _users(self) -> int:
        """The byte that they lock."""
        return self._shape.header + 1

    def _begin(self, digest: bytes) -> None:
        os.ftruncate(self._descriptor, self._shape.end)
        self._write_header(digest)
        self.is_new = True

    def _is_of(self, digest: bytes) -> bool:
        if os.fstat(self._descriptor).st_size != self._shape.end:
            return False
        found = os.pread(self._descriptor, _HEADER.size, self._shape.header)
        return found[:-16] == _HEADER.pack(_MAGIC, BLOCK, self.size, digest, b"")[:-16]

    def _write_header(self, digest: bytes) -> None:
        header = _HEADER.pack(_MAGIC, BLOCK, self.size, digest, _boot_id())
        os.pwrite(self._descriptor, header, self._shape.header)

    def _recover(self, digest: bytes) -> None:
        """Take back what may not have reached the disk, and what was half written."""
        found = os.pread(self._descriptor, _HEADER.size, self._shape.header)
        lost = bytes({ABSENT} if found[-16:] == _boot_id() else {ABSENT, WRITTEN})
        states = self.states(0, self.count)
        for first, stop in _runs(states, lost):
            # Another process may be writing one of them: then they are all left to it.
            if self.lock(first, stop, to_change=True):
                if not self.states(first, stop).strip(lost):
                    self.mark(first, stop, ABSENT)
                    self.punch([(first, stop)])
                self.unlock(first, stop)
        self._write_header(digest)

    def extent(self, first: int, stop: int) -> tuple[int, int]:
        """Where some blocks are in the image, and how many bytes they have."""
        start = first * BLOCK
        return start, min(stop * BLOCK, self.size) - start

    def lock(self, first: int, stop: int, *, to_change: bool = False) -> bool:
        """
        Take a lock on the blocks from C{first} up to, not including, C{stop}, in place of what
        this object has on them.

        @param to_change: a write lock, which nobody else shares.
        @return: whether there is one; nobody is waited for.
        """
        if to_change and self.sealed:
            return False
        kind = Lock.EXCLUSIVE if to_change else Lock.SHARED
        return try_lock(self._descriptor, kind, *self.extent(first, stop))

    def unlock(self, first: int, stop: int) -> None:
        """Give up this object's locks on these blocks."""
        if self._descriptor != _CLOSED:  # or they have gone with it, out of a cycle's collection
            unlock(self._descriptor, *self.extent(first, stop))

    def states(self, first: int, stop: int) -> bytes:
        """What is known of these blocks: a byte for each, false where it is absent."""
        found = os.pread(self._descriptor, stop - first, self._shape.states + first)
        # Behind the image there is nothing once it is published: then all of it is here.
        return found.translate(_SEEN) or bytes([DURABLE]) * (stop - first)

    def taking_room(self) -> int:
        """How many blocks are on the disk, of which some may be going."""
        found = os.pread(self._descriptor, self.count, self._shape.states)
        return self.count - found.count(ABSENT)

    def mark(self, first: int, stop: int, state: int) -> None:
        """Say something else of these blocks; for who has a lock on them."""
        if not self.sealed:
            states = bytes([state]) * (stop - first)
            os.pwrite(self._descriptor, states, self._shape.states + first)

    def note_use(self, first: int, stop: int) -> None:
        """Say that these blocks are used now."""
        if self.sealed:
            return
        now = time.time_ns().to_bytes(8, "little")
        os.pwrite(self._descriptor, now * (stop - first), self._shape.uses + 8 * first)

    def uses(self) -> Sequence[int]:
        """When each block was used last, in nanoseconds since the epoch."""
        found = os.pread(self._descriptor, 8 * self.count, self._shape.uses)
        return memoryview(found).cast("Q")  # all that this runs on is little-endian

    def write(self, block: int, content: bytes) -> None:
        """
        Write a block whole; for who has a write lock on it, and marks it then.

        @raise ValueError: it has another length.
        @raise OSError: the disk is full or broken.
        """
        start, length = self.extent(block, block + 1)
        if len(content) != length:
            raise ValueError(f"block {block} has {length} bytes, not {len(content)}")
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._descriptor, rest, start)
            start += written
            rest = rest[written:]

    def sync(self) -> None:
        """Have all that was written, and said, reach the disk."""
        os.fdatasync(self._descriptor)

    def punch(self, runs: Iterable[tuple[int, int]]) -> None:
        """
        Give the disk back what these runs of blocks take, which are absent then; for who has a
        write lock on them, and has marked them as going.
        """
        for first, stop in runs:
            start, length = self.extent(first, stop)
            punch_hole(self._descriptor, start, length)
            self.mark(first, stop, ABSENT)


def remove_blocks(target: Path) -> None:
    """Remove the blocks of the ISO C{target}, if there are some; who has them open keeps them."""
    with suppress(OSError):
        target.with_name(target.name + BLOCKS).unlink()


def _runs(states: bytes, wanted: bytes) -> Iterator[tuple[int, int]]:
    """The runs of blocks whose state is one of C{wanted}: from where up to where."""
    first = None
    for block, state in enumerate(states):
        if (state in wanted) == (first is None):
            if first is None:
                first = block
            else:
                yield first, block
                first = None
    if first is not None:
        yield first, len(states)


def _boot_id() -> bytes:
    """What tells one run of the machine from the next."""
    return bytes.fromhex(_BOOT_ID.read_text(encoding="ascii").strip().replace("-", ""))
