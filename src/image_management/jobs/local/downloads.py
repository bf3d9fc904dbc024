"""Objects out of S3, as files; what is here already is not asked for again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import Source
from image_management.records.links import Link
from image_management.s3.errors import S3Unavailable
from image_management.s3.objects import ObjectStore

_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try, unless something has arrived meanwhile."""

_PIECE = 1024 * 1024
"""Bytes that are written at a time."""


class BadDownload(Exception):
    """An object is not what it should be; the text says what is wrong."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Download:
    """One object on its way to a file."""

    def __init__(
        self,
        objects: ObjectStore,
        link: Link,
        target: Path,
        clock: IReactorTime,
        run_in_thread: RunInThread,
    ) -> None:
        """
        @param target: beside it is what has come, for the next process to go on with.
        """
        self._objects = objects
        self._link = link
        self._target = target
        self._clock = clock
        self._run_in_thread = run_in_thread

    async def make(self, md5: str | None, most: int) -> None:
        """
        Have the whole object in its file.

        @param md5: that it must have; C{None}: nobody knows it.
        @param most: bytes that it may have.
        @raise BadDownload: it has another MD5, or too many bytes.
        @raise S3Error: it cannot be had.
        @raise OSError: it cannot be written.
        """
        facts = await self._objects.head(self._link)
        if facts.size > most:
            raise BadDownload(f"{self._link.path} has {facts.size} bytes, more than {most}")
        # Of another object nothing is gone on with.
        name = hashlib.sha256(facts.etag.encode()).hexdigest()[:16]
        part = self._target.with_name(f"{self._target.name}.{name}")
        digest = hashlib.md5(usedforsecurity=False)
        source = self._objects.source(self._link, facts)
        try:
            with part.open("ab") as file:
                offset = file.tell()
                if offset:
                    await self._run_in_thread(_digest, part, digest)
                fails = 0
                while offset < facts.size:
                    try:
                        data = await _read(source, offset, facts.size)
                    except S3Unavailable:
                        if fails == len(_PAUSES):
                            raise
                        await deferLater(self._clock, _PAUSES[fails])
                        fails += 1
                        continue
                    await self._run_in_thread(_write, file.fileno(), data, digest)
                    offset += len(data)
                    fails = 0
        finally:
            source.release()
        found = digest.hexdigest()
        if md5 is not None and found != md5.lower():
            part.unlink()
            raise BadDownload(f"md5 of {self._link.path} is {found}, expected {md5}")
        part.replace(self._target)


async def _read(source: Source, offset: int, end: int) -> bytes:
    """Some bytes, many where many are at hand."""
    pieces: list[bytes] = []
    length = 0
    while length < _PIECE and offset + length < end:
        came = source.read(offset + length, end - offset - length)
        try:
            piece = came if isinstance(came, bytes) else await came
        except S3Unavailable:
            if pieces:
                break
            raise
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)


def _write(file: int, data: bytes, digest: _Digest) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    digest.update(data)


def _digest(file: Path, digest: _Digest) -> None:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
