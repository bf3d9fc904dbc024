"""
What is made from an OS image that has passed its checks: the archive with nmstatectl, and the
minimal ISO.  Neither is needed to serve the rest, so a failure is a text, not an error.

Blocking; used in threads only.
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from urllib.parse import urlencode

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.durable import write_whole
from assisted_images.iso9660.volume import IsoError
from assisted_images.live.layout import Layout
from assisted_images.live.minimal import MinimalIso, build_minimal_iso
from assisted_images.rootfs.nmstate import nmstate_archive
from assisted_images.store.checks import Checked
from assisted_images.store.image_bytes import ImageBytes, WholeFile
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


class CannotBeMade(Exception):
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
    image = WholeFile(DiskFile(path, read_in_thread, checked.sha256))
    if not Stamp.of(os.fstat(image.source.descriptor)).is_renamed(checked.stamp):
        raise IsoError("somebody has changed it since it was checked")
    return ready_from(image, checked.layout, path, entry, base_url, read_in_thread)


def ready_from(
    image: ImageBytes,
    layout: Layout,
    path: Path,
    entry: Entry,
    base_url: str | None,
    read_in_thread: RunInThread,
) -> ReadyImage:
    """
    As L{ready_image}, of an image that need not be a file.

    @param path: the file's, if it were one.
    """
    nmstate, nmstate_missing = None, None
    minimal, minimal_missing = None, None
    try:
        nmstate = _nmstate(image, layout, path, entry, read_in_thread)
    except CannotBeMade as error:
        nmstate_missing = str(error)
    try:
        if nmstate_missing is not None:
            raise CannotBeMade(nmstate_missing)
        minimal = minimal_of(image, entry, base_url, nmstate)
    except CannotBeMade as error:
        minimal_missing = str(error)
    return ReadyImage(
        image=image.representation(),
        layout=layout,
        last_modified=image.last_modified,
        minimal=minimal,
        minimal_missing=minimal_missing,
        nmstate=nmstate,
        nmstate_missing=nmstate_missing,
        files=(*image.files, *files_of(nmstate)),
    )


def files_of(nmstate: Representation | None) -> list[DiskFile]:
    """The file of the archive, which may be in memory instead."""
    segments = () if nmstate is None else nmstate.segments
    sources = [segment.source for segment in segments if isinstance(segment, FileSegment)]
    return [source for source in sources if isinstance(source, DiskFile)]


def _wants_nmstate(entry: Entry) -> bool:
    return (
        entry.image_type is ImageType.FULL
        and OpenShiftVersion.parse(entry.openshift_version) >= NMSTATE_SINCE
    )


def _nmstate(
    image: ImageBytes, layout: Layout, iso: Path, entry: Entry, read_in_thread: RunInThread
) -> Representation | None:
    """The archive with nmstatectl, kept in a file of its own as the Go service keeps it."""
    if not _wants_nmstate(entry):
        return None
    path = iso.with_name(entry.nmstate_file_name)
    try:
        sha256 = _sound_digest(path)
        if sha256 is None:
            if layout.rootfs is None:
                raise CannotBeMade("no nmstatectl: the image has no rootfs")
            with image.open() as file:
                archive = nmstate_archive(file, layout.rootfs)
            try:
                write_whole(path, archive)
            except OSError:
                # A full or read-only disk; it has some MiB, and can do without a file.
                return Representation.from_bytes(archive)
            sha256 = _remember(path)
        return DiskFile(path, read_in_thread, sha256).representation()
    except (IsoError, OSError) as error:
        raise CannotBeMade(f"no nmstatectl: {_text(error)}") from None


def _sound_digest(path: Path) -> str | None:
    """
    The archive's SHA-256 if it can be used as it is: it is the one that was made here; or it is
    another's, the Go service's for one, and its own checksum holds (RFC 1952, section 2.3.1).
    """
    try:
        record = read_record(path)
        if record is not None:
            return record.sha256 if is_remembered(path, record) else None
        with gzip.open(path) as archive:
            if not archive.read(1):
                return None
            while archive.read(_PIECE):
                pass
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
        return None
    return _remember(path)


def _remember(path: Path) -> str:
    """Write the record of the archive; its SHA-256."""
    with path.open("rb") as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        sha256 = digest(file)
    write_record(path, sha256, stamp)
    return sha256


def minimal_of(
    image: ImageBytes,
    entry: Entry,
    base_url: str | None,
    nmstate: Representation | None,
) -> MinimalIso | None:
    """
    The minimal ISO; None for images that have none.

    @raise CannotBeMade: this one has none although it should.
    """
    if entry.image_type is not ImageType.FULL:
        return None
    if entry.architecture is Architecture.S390X:
        raise CannotBeMade("the boot loader of s390x cannot load a second initrd")
    rootfs_url = entry.rootfs_url or _own_rootfs_url(entry, base_url)
    try:
        with image.open() as file:
            return build_minimal_iso(file, image.source, rootfs_url, nmstate)
    except (IsoError, OSError) as error:
        raise CannotBeMade(_text(error)) from None


def _own_rootfs_url(entry: Entry, base_url: str | None) -> str:
    if base_url is None:
        raise CannotBeMade("neither IMAGE_SERVICE_BASE_URL nor the image's rootfs_url is set")
    query = urlencode({"arch": entry.architecture.value, "version": entry.version})
    return f"{base_url.rstrip('/')}/boot-artifacts/rootfs?{query}"


def _text(error: IsoError | OSError) -> str:
    return os_error_text(error) if isinstance(error, OSError) else str(error)
