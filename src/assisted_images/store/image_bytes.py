"""The bytes of an OS image, wherever they are: for who serves them, and for who reads them here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import Protocol

from assisted_images.iso9660.files import SeekableFile
from assisted_images.on_demand.blocking_file import BlockingFile
from assisted_images.on_demand.on_demand_file import OnDemandFile
from httpd.representation.segments import FileSegment, Representation, Source
from httpd.streaming.disk import DiskFile


class ImageBytes(Protocol):
    """An OS image."""

    @property
    def source(self) -> Source:
        """What is served."""

    @property
    def last_modified(self) -> float | None:
        """Seconds since the epoch; None: that is not known."""

    @property
    def files(self) -> tuple[DiskFile, ...]:
        """Those that somebody may write into, which changes the image."""

    def representation(self) -> Representation:
        """All of it."""

    def open(self) -> AbstractContextManager[SeekableFile]:
        """
        Open it for a thread that reads, and may wait.

        @raise OSError: it cannot be read.
        """

    def require_read(self) -> None:
        """
        Check that all could be read that was to be, whatever readers have made of their errors.

        @raise OSError: it could not.
        """


@contextmanager
def all_read(image: ImageBytes) -> Iterator[None]:
    """
    Within, a thread reads an image: at the end, all could be read that was to be.

    @raise OSError: it could not.
    """
    try:
        yield
    finally:
        image.require_read()


class WholeFile:
    """An image that is here; see L{ImageBytes}."""

    def __init__(self, source: DiskFile) -> None:
        self.source = source
        self.last_modified = source.last_modified
        self.files = (source,)

    def representation(self) -> Representation:
        """All of it."""
        return self.source.representation()

    def open(self) -> AbstractContextManager[SeekableFile]:
        """Open it for a thread."""
        return self.source.path.open("rb")

    def require_read(self) -> None:
        """What reading it raises is what is wrong with it."""


class PartialFile:
    """An image that is fetched on demand; see L{ImageBytes}."""

    files: tuple[DiskFile, ...] = ()

    def __init__(self, source: OnDemandFile, stop: Event) -> None:
        """
        @param stop: once it is set, no thread waits any more.
        """
        self.source = source
        self.last_modified = source.last_modified
        self._stop = stop
        self._opened: list[BlockingFile] = []

    def representation(self) -> Representation:
        """All of it."""
        return Representation.of(FileSegment(self.source, 0, self.source.size))

    def open(self) -> AbstractContextManager[SeekableFile]:
        """Open it for a thread, which waits for what has to be fetched."""
        self._opened.append(BlockingFile(self.source, self._stop))
        return self._opened[-1]

    def require_read(self) -> None:
        """See L{ImageBytes}."""
        for file in self._opened:
            if file.trouble is not None:
                raise file.trouble
