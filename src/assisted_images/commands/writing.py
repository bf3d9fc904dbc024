"""Writing a representation to a file, or to whoever reads the standard output."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import BytesSegment, FileSegment, Representation

_PIECE = 1 << 20
"""Bytes."""


class Output(Protocol):
    """What bytes are written to, one piece after the other."""

    def __enter__(self) -> Output:
        """It is open."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """All is written; or, with an error, it is not going to be."""

    def write(self, piece: bytes | memoryview) -> object:
        """
        Write.  Blocking.

        @raise OSError: it cannot be written.
        """


class StandardOutput:
    """See L{Output}."""

    def __init__(self, stream: BinaryIO) -> None:
        """
        @raise OSError: somebody looks at it, who cannot read an ISO.
        """
        if stream.isatty():
            raise OSError(errno.EINVAL, "it is a terminal; expected a pipe, or a file")
        self.write = stream.write
        self._stream = stream

    def __enter__(self) -> StandardOutput:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """What is buffered goes, too."""
        self._stream.flush()


class NewFile:
    """See L{Output}: a file that has its name once it is whole."""

    def __init__(self, path: Path, *, replace: bool) -> None:
        """
        @param replace: whether one of the name may go.
        @raise OSError: it cannot be made, or may not.
        """
        if path.exists() and not replace:
            raise FileExistsError(errno.EEXIST, "it is there already; --force replaces it", path)
        self._path = path
        self._file = NamedTemporaryFile(  # noqa: SIM115  closed on exit, and renamed
            dir=path.parent, prefix=f".{path.name}.", delete=False
        )
        self.write = self._file.write

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Give it its name, or remove it."""
        name = Path(self._file.name)
        try:
            self._file.close()
            if kind is None:
                mask = os.umask(0)
                os.umask(mask)
                name.chmod(0o666 & ~mask)
                name.replace(self._path)
        finally:
            with suppress(FileNotFoundError):
                name.unlink()


async def write(
    representation: Representation,
    output: Output,
    run_in_thread: RunInThread,
    written: Callable[[int], object],
) -> None:
    """
    Write all of a representation.

    @param written: is told the bytes of each piece.
    @raise OSError: it cannot be read or written.
    """
    async for piece in pieces(representation):
        await run_in_thread(output.write, piece)
        written(len(piece))


async def pieces(representation: Representation) -> AsyncIterator[bytes | memoryview]:
    """
    All bytes of a representation, one piece behind the other.

    @raise OSError: it cannot be read.
    """
    zeros = bytes(_PIECE)
    for segment in representation.segments:
        offset = 0
        while (rest := min(segment.length - offset, _PIECE)) > 0:
            if isinstance(segment, FileSegment):
                answer = segment.source.read(segment.offset + offset, rest)
                piece = answer if isinstance(answer, bytes) else await answer
            elif isinstance(segment, BytesSegment):
                piece = bytes(segment.data[offset : offset + rest])
            else:
                piece = zeros[:rest]
            yield piece
            offset += len(piece)
