"""
The SHA-256 of what is served, as C{sha256sum} writes it: of each version once, for all who ask.

To read and hash an image of a GiB takes seconds.  It is done in a few threads that give way to
whoever serves, while somebody waits for it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from threading import Event, get_native_id

from cachetools import LRUCache
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from assisted_images.on_demand.blocking_file import BlockingFile
from assisted_images.on_demand.on_demand_file import OnDemandFile
from httpd.concurrency.joint import JointWork
from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    Source,
    ZeroSegment,
)
from httpd.streaming.disk import DiskFile
from httpd.web.problems import Problem
from httpd.web.respond import Content

ENDING = ".sha256"
"""What the path of a checksum has behind that of what it is of."""

MOST_AT_ONCE = 2
"""Threads that hash: an image that is fetched on demand, and comes slowly, leaves one to others."""

MOST_WAITING = 64
"""Requests that may wait for checksums; these take no slot from downloads."""

_MOST_KEPT = 4096
"""Checksums, of some hundred bytes each."""

_PIECE = 4 << 20
"""Bytes hashed at a time: the fewer the pieces, the less a thread has to do with Python's lock,
which it should not be kept from giving back while others have the CPU."""

_NICE = 10
"""How far the threads give way (nice(2))."""


class Checksums:
    """Finds checksums, and keeps those that were asked for last."""

    def __init__(self, run_in_thread: RunInThread) -> None:
        """
        @param run_in_thread: of L{MOST_AT_ONCE} threads of its own, whose priority is lowered.
        """
        self._run_in_thread = run_in_thread
        self._kept: LRUCache[str, str] = LRUCache(_MOST_KEPT)
        self._under_way: JointWork[str, str] = JointWork(self._kept.__setitem__)
        self.slots = OwnSlots(MOST_WAITING)

    def of(self, content: Content, name: str) -> Content:
        """
        A line with the checksum.

        Its entity tag is that of what it is of: one line belongs to one tag, so conditions hold a
        download and its checksum together, and whoever has the tag already need not wait.  Nothing
        is hashed before the line itself is sent.

        @param name: what the line calls it; in ASCII.
        """
        etag = content.validators.etag
        line = _Line(name, etag, partial(self._sha256, etag, content.representation))
        return Content(
            Representation.of(FileSegment(line, 0, line.size)),
            "text/plain; charset=utf-8",
            content.filename + ENDING,
            content.cache_control,
            content.last_modified,
            etag,
        )

    async def _sha256(self, etag: str, representation: Representation) -> str:
        """
        The checksum, in hexadecimal.

        @raise Problem: 503, a file has changed.
        @raise OSError: of a source.
        """
        kept = self._kept.get(etag)
        if kept is not None:
            return kept
        return await self._under_way.join(etag, partial(self._begin, representation))

    def _begin(self, representation: Representation) -> Deferred[str]:
        given_up = Event()

        def over(result: str | Failure) -> str | Failure:
            given_up.set()  # for the thread, where this was cancelled
            return result

        return self._run_in_thread(hashed, representation, given_up).addBoth(over)


class _Line:
    """A L{Source<httpd.representation.segments.Source>} that hashes when it is read."""

    def __init__(self, name: str, etag: str, sha256: Callable[[], Awaitable[str]]) -> None:
        self.identity = f"checksum of {name} {etag}"
        self._ending = f"  {name}\n".encode("ascii")
        self.size = 2 * hashlib.sha256().digest_size + len(self._ending)
        self._sha256 = sha256

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        """See L{Source.read<httpd.representation.segments.Source.read>}."""
        return Deferred.fromCoroutine(self._read(offset, length))

    def release(self) -> None:
        """Who has left waits no more."""

    async def _read(self, offset: int, length: int) -> bytes:
        line = (await self._sha256()).encode("ascii") + self._ending
        return line[offset : offset + length]


def hashed(representation: Representation, given_up: Event) -> str:
    """
    The checksum; blocking.

    @raise CancelledError: nobody waits for it any more.
    @raise Problem: 503, a file has changed.
    @raise OSError: of a source.
    """
    _give_way()
    total = hashlib.sha256()
    for segment in representation:
        for piece in _pieces(segment, given_up):
            if given_up.is_set():
                raise CancelledError
            total.update(piece)
    for segment in representation:
        if isinstance(segment, FileSegment) and isinstance(segment.source, DiskFile):
            _require(not segment.source.is_overwritten())
    return total.hexdigest()


def _give_way() -> None:
    """Lower the priority of this thread (setpriority(2): on Linux each has its own)."""
    thread = get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread)
    os.setpriority(os.PRIO_PROCESS, thread, max(nice, _NICE))


def _pieces(segment: Segment, given_up: Event) -> Iterator[bytes | memoryview]:
    """What a segment has; each piece is good until the next one."""
    match segment:
        case BytesSegment(data=data):
            yield data
        case ZeroSegment(length=length):
            for start in range(0, length, _PIECE):
                yield bytes(min(_PIECE, length - start))
        case FileSegment(source=source, offset=offset, length=length):
            read = _reading(source, min(_PIECE, length), given_up)
            while length:
                piece = read(offset, min(_PIECE, length))
                offset, length = offset + len(piece), length - len(piece)
                yield piece


_Read = Callable[[int, int], bytes | memoryview]
"""Gives at least one byte, and at most so many, from an offset on; blocking."""


def _reading(source: Source, most: int, given_up: Event) -> _Read:
    """
    How a thread reads a source.

    @param most: bytes at a time.
    """
    match source:
        case DiskFile():
            buffer = memoryview(bytearray(most))

            def from_disk(offset: int, length: int) -> memoryview:
                count = source.read_into(buffer[:length], offset, wait=True)
                _require(count > 0)
                return buffer[:count]

            return from_disk
        case OnDemandFile():
            file = BlockingFile(source, given_up)

            def as_it_comes(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            return as_it_comes
    raise TypeError(type(source))


def _require(unchanged: bool) -> None:
    if not unchanged:
        text = "the image has changed, or cannot be read; it is looked at again"
        raise Problem(503, text, {"Retry-After": "30"})
