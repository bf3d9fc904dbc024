"""
What is served of an image that is ready, made once more in another process, and seen to be the
same.

Blocking; used in threads only.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from assisted_images.catalog.catalog import Entry
from assisted_images.iso9660.volume import IsoError
from assisted_images.live.layout import Layout, read_layout
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.on_demand.origin import Facts
from assisted_images.rootfs.nmstate import nmstate_archive
from assisted_images.store.derived import CannotBeMade, files_of, minimal_of
from assisted_images.store.image_bytes import ImageBytes, WholeFile
from assisted_images.store.states import ReadyImage
from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import FileSegment, Representation
from httpd.streaming.disk import DiskFile


class FileSummary(msgspec.Struct, frozen=True):
    """What a file holds, and how another process, which does not hash it, knows it again."""

    sha256: str | None
    size: int
    modified_ns: int

    @classmethod
    def of(cls, file: DiskFile) -> FileSummary:
        """The summary of a file that is served."""
        return cls(file.sha256, file.size, file.modified_ns)

    def open(self, path: Path, read_in_thread: RunInThread) -> DiskFile:
        """
        The file.

        @raise OSError: it cannot be read.
        @raise IsoError: it is another one by now.
        """
        file = DiskFile(path, read_in_thread, self.sha256)
        if FileSummary.of(file) != self:
            raise IsoError(f"{path.name} is not the file any more that was found ready")
        return file


class ReadySummary(msgspec.Struct, frozen=True):
    """
    What is served of an image, so that another process can have the same, and see that it has: the
    files, what the image is at its origin if it stays there, the digests of representations, and
    why there are not more.
    """

    files: tuple[FileSummary, ...]
    facts: Facts | None
    minimal: str | None
    minimal_missing: str | None
    nmstate: str | None
    nmstate_missing: str | None

    @classmethod
    def of(cls, ready: ReadyImage) -> ReadySummary:
        """The summary of an image that is ready."""
        return cls(
            tuple(map(FileSummary.of, ready.files)),
            _facts(ready.image),
            None if ready.minimal is None else ready.minimal.image.digest,
            ready.minimal_missing,
            None if ready.nmstate is None else ready.nmstate.digest,
            ready.nmstate_missing,
        )

    def open_whole(self, path: Path, read_in_thread: RunInThread) -> WholeFile:
        """
        The image, which is here.

        @raise OSError: it cannot be read.
        @raise IsoError: it is another one by now.
        """
        return WholeFile(self.files[0].open(path, read_in_thread))

    @property
    def archives(self) -> tuple[FileSummary, ...]:
        """The file of the archive with nmstatectl, if it is one."""
        return self.files if self.facts is not None else self.files[1:]


def ready_image_again(
    image: ImageBytes,
    path: Path,
    entry: Entry,
    base_url: str | None,
    read_in_thread: RunInThread,
    of: ReadySummary,
) -> ReadyImage:
    """
    What L{ready_from} has made in another process, once more: without checks, and without writing
    anything.

    @raise OSError: the image cannot be read; C{require_read} of it raises more.
    @raise IsoError: it is another one by now.
    """
    with image.open() as file:
        layout = read_layout(file)
    nmstate, minimal = None, None
    for archive in of.archives:
        nmstate_path = path.with_name(entry.nmstate_file_name)
        nmstate = archive.open(nmstate_path, read_in_thread).representation()
    if nmstate is None and of.nmstate is not None:
        nmstate = _nmstate_in_memory(image, layout)
    if of.minimal is not None:
        try:
            minimal = minimal_of(image, entry, base_url, nmstate)
        except CannotBeMade as error:
            raise IsoError(str(error)) from None
    ready = ReadyImage(
        image=image.representation(),
        layout=layout,
        last_modified=image.last_modified,
        minimal=minimal,
        minimal_missing=of.minimal_missing,
        nmstate=nmstate,
        nmstate_missing=of.nmstate_missing,
        files=(*image.files, *files_of(nmstate)),
    )
    if ReadySummary.of(ready) != of:
        raise IsoError("it is not the file any more that was found ready")
    return ready


def _facts(image: Representation) -> Facts | None:
    """What an image is at its origin that stays there."""
    [segment] = image.segments
    source = segment.source if isinstance(segment, FileSegment) else None
    return source.facts if isinstance(source, OnDemandFile) else None


def _nmstate_in_memory(image: ImageBytes, layout: Layout) -> Representation:
    """The archive, which could not be written then, but was kept."""
    if layout.rootfs is None:
        raise IsoError("the image has no rootfs")
    with image.open() as file:
        return Representation.from_bytes(nmstate_archive(file, layout.rootfs))
