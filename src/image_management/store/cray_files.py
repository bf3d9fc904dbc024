"""A folder with the files of Cray's service: which of them count, and how all are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from httpd.texts import os_error_text
from image_management.records.interchange import (
    COLLECTIONS,
    BadFile,
    elements_text,
    file_names,
    read_elements,
)
from image_management.records.kinds import Kind
from image_management.records.record import Record


class BadFolder(ValueError):
    """A folder's files cannot be read or written; the text names the file, and its element."""


@dataclass(frozen=True, slots=True)
class CollectionFile:
    """The file of one collection."""

    kind: Kind
    deleted: bool
    path: Path
    records: Sequence[Record]
    unknown: Mapping[str, int]
    """Members that were left out, with the number of elements that had them."""

    older: Sequence[str]
    """Names of files of the same collection, of older releases, that do not count."""

    def place_of(self, number: int) -> str:
        """
        How messages call an element.

        @param number: counted from 0.
        """
        return f"{self.path}: element {number + 1} ({self.records[number].id})"


def read_folder(folder: Path) -> list[CollectionFile]:
    """
    Read the newest file of each collection that is there.

    @raise BadFolder: one is damaged, or none is there.
    """
    files = [file for kind, deleted in COLLECTIONS for file in _read_newest(folder, kind, deleted)]
    if not files:
        expected = file_names(Kind.IMAGE, deleted=False)[0]
        raise BadFolder(f"{folder} has no files of Cray's service; expected such as {expected}")
    _require_unique(files)
    return files


def has_files(folder: Path) -> bool:
    """Whether any file of Cray's service is in a folder."""
    return any(
        (folder / name).is_file()
        for kind, deleted in COLLECTIONS
        for name in file_names(kind, deleted=deleted)
    )


def write_folder(
    folder: Path, collections: Iterable[tuple[Kind, bool, Sequence[Record]]]
) -> list[CollectionFile]:
    """
    Write the files of all collections, in the place of those that are there.  Each is whole before
    any takes its place.

    @raise BadFolder: that cannot be done; the files are as they were.
    """
    files = [
        CollectionFile(
            kind, deleted, folder / file_names(kind, deleted=deleted)[0], records, {}, ()
        )
        for kind, deleted, records in collections
    ]
    parts = [file.path.with_name(f".{file.path.name}.part") for file in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, part in zip(files, parts, strict=True):
            with part.open("w", encoding="utf-8") as written:
                written.write(elements_text(file.records))
                written.flush()
                os.fsync(written.fileno())
        for file, part in zip(files, parts, strict=True):
            part.replace(file.path)
        _sync_folder(folder)
    except OSError as error:
        for part in parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise BadFolder(f"{error.filename or folder}: {os_error_text(error)}") from None
    return files


def _read_newest(folder: Path, kind: Kind, deleted: bool) -> Iterable[CollectionFile]:
    """The file of a collection that counts, if there is one."""
    names = [name for name in file_names(kind, deleted=deleted) if (folder / name).is_file()]
    if not names:
        return
    path = folder / names[0]
    try:
        elements = read_elements(kind, path.read_bytes(), deleted=deleted)
    except BadFile as error:
        raise BadFolder(f"{path}: {error}") from None
    except OSError as error:
        raise BadFolder(f"{path}: {os_error_text(error)}") from None
    yield CollectionFile(kind, deleted, path, elements.records, elements.unknown, names[1:])


def _require_unique(files: Iterable[CollectionFile]) -> None:
    """
    See that no record is both live and deleted.

    @raise BadFolder: one is.
    """
    seen: dict[tuple[Kind, str], str] = {}
    for file in files:
        for number, record in enumerate(file.records):
            place = file.place_of(number)
            if (other := seen.setdefault((record.kind, record.id), place)) != place:
                raise BadFolder(f"{place}: the same id as in {other}")


def _sync_folder(folder: Path) -> None:
    """The files' new names are on the disk, too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
