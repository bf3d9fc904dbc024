"""An image at its origin as a file for who reads it in a thread."""

from __future__ import annotations

import os
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Event

from assisted_images.on_demand.fetch import BlockUnavailable
from assisted_images.on_demand.on_demand_file import OnDemandFile
from httpd.concurrency.coroutines import begun

_PIECE = 64 * 1024
"""Bytes read at a time: of directories one block of 2 KiB follows the other."""

_KEPT_PIECES = 64

_LOOK_SECONDS = 0.5
"""How often a thread that waits looks whether it should stop."""


class BlockingFile:
    """
    What C{source} has, read by a thread that is not the reactor's, which waits for what has to
    come first.

    @ivar trouble: what reading has raised; who reads may have made another error of it.
    """

    def __init__(self, source: OnDemandFile, stop: Event) -> None:
        """
        @param stop: once it is set, nothing is waited for.
        """
        self._source = source
        self._stop = stop
        self._position = 0
        self.trouble: OSError | None = None
        self._piece = lru_cache(_KEPT_PIECES)(self._ask)

    def __enter__(self) -> BlockingFile:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open but what others read as well."""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to C{offset}, as in L{io.IOBase.seek}."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}
        self._position = max(start[whence] + offset, 0)
        return self._position

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """
        The next C{size} bytes; fewer only at the end.

        @raise OSError: they cannot be had, or all is being stopped.
        """
        stop = self._source.size if size < 0 else min(self._position + size, self._source.size)
        parts = []
        while self._position < stop:
            piece, within = divmod(self._position, _PIECE)
            part = self._piece(piece)[within : within + stop - self._position]
            parts.append(part)
            self._position += len(part)
        return b"".join(parts)

    def _ask(self, piece: int) -> bytes:
        start = piece * _PIECE
        length = min(_PIECE, self._source.size - start)
        parts: list[bytes] = []
        while (got := sum(map(len, parts))) < length:
            parts.append(self._ask_some(start + got, length - got))
        return b"".join(parts)

    def _ask_some(self, offset: int, length: int) -> bytes:
        answers: SimpleQueue[bytes | OSError] = SimpleQueue()

        def begin() -> None:
            begun(read())

        async def read() -> None:
            try:
                answer = self._source.read(offset, length)
                answers.put(answer if isinstance(answer, bytes) else await answer)
            except OSError as error:
                answers.put(error)
            except EOFError as error:
                answers.put(BlockUnavailable(str(error)))

        self._source.held.thread.call(begin)
        while not self._stop.is_set():
            try:
                answer = answers.get(timeout=_LOOK_SECONDS)
            except Empty:
                continue
            if isinstance(answer, bytes):
                return answer
            self.trouble = answer
            raise answer
        self.trouble = BlockUnavailable("reading was given up")
        raise self.trouble
