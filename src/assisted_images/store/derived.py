"""
What is made from an OS image that has passed its checks: the archive with nmstatectl, and the
minimal ISO.  Neither is needed to serve the rest, so a failure is a text, not an error.

Blocking; used in threads only.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.durable import write_whole
from assisted_images.iso9660.volume import IsoError
from assisted_images.live.layout import Layout, read_layout
from assisted_images.live.minimal import MinimalIso, build_minimal_iso
from assisted_images.rootfs.nmstate import nmstate_archive
from assisted_images.store.checks import Checked
from assisted_images.store.records import (
    Stamp,
    digest,
    is_remembered,
    read_record,
    write_record,
)
from assisted_images.store.states import ReadyImage
from assisted_images.values import NMSTATE_SINCE, Architecture, ImageType, OpenShiftVersion
from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import FileSegment, Representation
from httpd.streaming.disk import DiskFile
from httpd.texts import os_error_text

_PIECE = 1024 * 1024


class _CannotBeMade(Exception):
    """Something cannot be made; the text is the reason."""


def ready_image(
    path: Path, checked: Checked, entry: Entry, base_url: str | None, read_in_thread: RunInThread
) -> ReadyImage:
    """
    Make everything that is served of the image at C{path}, which has passed its checks.

    @param base_url: this service as hosts see it; for images without a C{rootfs_url}.
    @param read_in_thread: reads for downloads what the page cache does not have.
    @raise OSError: the image cannot be read.
    @raise IsoError: it is not the file any more that has passed.
    """
    source, layout = DiskFile(path, read_in_thread), checked.layout
    if not Stamp.of(os.fstat(source.descriptor)).is_renamed(checked.stamp):
        raise IsoError("somebody has changed it since it was checked")
    nmstate, nmstate_missing = None, None
    minimal, minimal_missing = None, None
    try:
        nmstate = _nmstate(path, layout, entry, read_in_thread)
    except _CannotBeMade as error:
        nmstate_missing = str(error)
    try:
        if nmstate_missing is not None:
            raise _CannotBeMade(nmstate_missing)
        minimal = _minimal(path, source, entry, base_url, nmstate)
    except _CannotBeMade as error:
        minimal_missing = str(error)
    return ReadyImage(
        image=source.representation(),
        layout=layout,
        last_modified=source.last_modified,
        minimal=minimal,
        minimal_missing=minimal_missing,
        nmstate=nmstate,
        nmstate_missing=nmstate_missing,
        files=_files(source, nmstate),
    )


class ReadySummary(msgspec.Struct, frozen=True):
    """
    What is served of an image, so that another process can see whether it has the same: the
    digests of representations, and why there are not more.
    """

    image: str
    minimal: str | None
    minimal_missing: str | None
    nmstate: str | None
    nmstate_missing: str | None

    @classmethod
    def of(cls, ready: ReadyImage) -> ReadySummary:
        """The summary of an image that is ready."""
        return cls(
            ready.image.digest,
            None if ready.minimal is None else ready.minimal.image.digest,
            ready.minimal_missing,
            None if ready.nmstate is None else ready.nmstate.digest,
            ready.nmstate_missing,
        )


def ready_image_again(
    path: Path, entry: Entry, base_url: str | None, read_in_thread: RunInThread, of: ReadySummary
) -> ReadyImage:
    """
    What L{ready_image} has made in another process, once more: without checks, and without
    writing anything.

    @raise OSError: the image cannot be read.
    @raise IsoError: it is another one by now.
    """
    source = DiskFile(path, read_in_thread)
    with path.open("rb") as file:
        layout = read_layout(file)
    nmstate, minimal = None, None
    if of.nmstate is not None:
        nmstate = _nmstate_again(path, layout, entry, read_in_thread, of.nmstate)
    if of.minimal is not None:
        try:
            minimal = _minimal(path, source, entry, base_url, nmstate)
        except _CannotBeMade as error:
            raise IsoError(str(error)) from None
    ready = ReadyImage(
        image=source.representation(),
        layout=layout,
        last_modified=source.last_modified,
        minimal=minimal,
        minimal_missing=of.minimal_missing,
        nmstate=nmstate,
        nmstate_missing=of.nmstate_missing,
        files=_files(source, nmstate),
    )
    if ReadySummary.of(ready) != of:
        raise IsoError("it is not the file any more that was found ready")
    return ready


def _files(image: DiskFile, nmstate: Representation | None) -> tuple[DiskFile, ...]:
    """Those on disk of which an image is served; the archive may be in memory instead."""
    segments = () if nmstate is None else nmstate.segments
    sources = [segment.source for segment in segments if isinstance(segment, FileSegment)]
    return image, *(source for source in sources if isinstance(source, DiskFile))


def _nmstate_again(
    iso: Path, layout: Layout, entry: Entry, read_in_thread: RunInThread, wanted: str
) -> Representation:
    """The archive's file, if that is what it was then; else it was not written, but kept."""
    with contextlib.suppress(FileNotFoundError):
        found = DiskFile(iso.with_name(entry.nmstate_file_name), read_in_thread).representation()
        if found.digest == wanted:
            return found
    if layout.rootfs is None:
        raise IsoError("the image has no rootfs")
    with iso.open("rb") as file:
        return Representation.from_bytes(nmstate_archive(file, layout.rootfs))


def _wants_nmstate(entry: Entry) -> bool:
    return (
        entry.image_type is ImageType.FULL
        and OpenShiftVersion.parse(entry.openshift_version) >= NMSTATE_SINCE
    )


def _nmstate(
    iso: Path, layout: Layout, entry: Entry, read_in_thread: RunInThread
) -> Representation | None:
    """The archive with nmstatectl, kept in a file of its own as the Go service keeps it."""
    if not _wants_nmstate(entry):
        return None
    path = iso.with_name(entry.nmstate_file_name)
    try:
        if not _is_sound(path):
            if layout.rootfs is None:
                raise _CannotBeMade("no nmstatectl: the image has no rootfs")
            with iso.open("rb") as file:
                archive = nmstate_archive(file, layout.rootfs)
            try:
                write_whole(path, archive)
            except OSError:
                # A full or read-only disk; it has some MiB, and can do without a file.
                return Representation.from_bytes(archive)
            _remember(path)
        return DiskFile(path, read_in_thread).representation()
    except (IsoError, OSError) as error:
        raise _CannotBeMade(f"no nmstatectl: {_text(error)}") from None


def _is_sound(path: Path) -> bool:
    """
    Whether the archive can be used as it is: it is the one that was made here; or it is another's,
    the Go service's for one, and its own checksum holds (RFC 1952, section 2.3.1).
    """
    try:
        if read_record(path) is not None:
            return is_remembered(path)
        with gzip.open(path) as archive:
            if not archive.read(1):
                return False
            while archive.read(_PIECE):
                pass
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
        return False
    _remember(path)
    return True


def _remember(path: Path) -> None:
    with path.open("rb") as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        write_record(path, digest(file), stamp)


def _minimal(
    path: Path,
    source: DiskFile,
    entry: Entry,
    base_url: str | None,
    nmstate: Representation | None,
) -> MinimalIso | None:
    if entry.image_type is not ImageType.FULL:
        return None
    if entry.architecture is Architecture.S390X:
        raise _CannotBeMade("the boot loader of s390x cannot load a second initrd")
    rootfs_url = entry.rootfs_url or _own_rootfs_url(entry, base_url)
    try:
        with path.open("rb") as file:
            return build_minimal_iso(file, source, rootfs_url, nmstate)
    except (IsoError, OSError) as error:
        raise _CannotBeMade(_text(error)) from None


def _own_rootfs_url(entry: Entry, base_url: str | None) -> str:
    if base_url is None:
        raise _CannotBeMade("neither IMAGE_SERVICE_BASE_URL nor the image's rootfs_url is set")
    query = urlencode({"arch": entry.architecture.value, "version": entry.version})
    return f"{base_url.rstrip('/')}/boot-artifacts/rootfs?{query}"


def _text(error: IsoError | OSError) -> str:
    return os_error_text(error) if isinstance(error, OSError) else str(error)
