"""
What comes from the files of Cray's service into a store, and goes from a store into such files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select
from twisted.logger import Logger

from image_management.records.interchange import COLLECTIONS
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store import record_lists, record_rows
from image_management.store.cray_files import (
    BadFolder,
    CollectionFile,
    has_files,
    read_folder,
    write_folder,
)
from image_management.store.errors import LinkInUse, StoreRefused
from image_management.store.tables import operations

_log = Logger()

Progress = Callable[[int], object]
"""Is told of so many records that are done."""

_AT_ONCE = 500
"""Records that are written at once."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    file: CollectionFile
    added: int
    replaced: int
    """Records that were there, and are now as in the file."""

    unchanged: int


def import_files(
    connection: Connection, files: Sequence[CollectionFile], progress: Progress
) -> list[Imported]:
    """
    Add what is not there, at the end and in the order of the files, and replace what is.

    @raise BadFolder: an element cannot be taken; it names the file and the element.
    @raise StoreRefused: an operation is under way.
    """
    for operation in connection.execute(select(operations)):
        raise StoreRefused(
            f"a {operation.action} of {Kind(operation.kind).noun} {operation.id} is under way, and"
            " the service brings it to its end; start it, stop it, and try again"
        )
    present = {(old.kind, old.id): old for old in _everything(connection)}
    _require_free_links(files, present.values())
    return [_import_file(connection, file, present, progress) for file in files]


def export_files(
    connection: Connection, folder: Path
) -> tuple[list[CollectionFile], Sequence[tuple[str, str]]]:
    """
    Write everything into the newest form of the files.

    @return: the files, and kind and id of the records that an operation is under way on: they are
        written as they are now.
    @raise BadFolder: the folder cannot be written.
    """
    busy = [(row.kind, row.id) for row in connection.execute(select(operations))]
    collections = [
        (kind, deleted, record_lists.all_records(connection, kind, deleted))
        for kind, deleted in COLLECTIONS
    ]
    return write_folder(folder, collections), busy


def take_over(folder: Path, connection: Connection) -> None:
    """
    Fill new tables with the files of Cray's service, if there are any in C{folder}.

    @raise StoreRefused: they cannot be taken.
    """
    if not has_files(folder):
        return
    try:
        done = import_files(connection, read_folder(folder), lambda _count: None)
    except BadFolder as error:
        raise StoreRefused(f"the files of Cray's service cannot be taken over: {error}") from None
    for imported in done:
        _log.info(
            "taken over from {file}: {added} records", file=imported.file.path, added=imported.added
        )


def _everything(connection: Connection) -> Iterator[Record]:
    for kind, deleted in COLLECTIONS:
        yield from record_lists.all_records(connection, kind, deleted)


def _elements(files: Iterable[CollectionFile]) -> Iterator[tuple[str, Record]]:
    """All elements, and what to call them."""
    for file in files:
        for number, record in enumerate(file.records):
            yield file.place_of(number), record


def _require_free_links(files: Sequence[CollectionFile], present: Iterable[Record]) -> None:
    """
    See that no two live records of a kind are going to have one link.

    @raise BadFolder: two are.
    """
    given = {(record.kind, record.id) for _, record in _elements(files)}
    holders: dict[tuple[Kind, str], str] = {
        (record.kind, record.link.path): f"{record.kind.noun} {record.id} of the store"
        for record in present
        if record.link and not record.deleted and (record.kind, record.id) not in given
    }
    for place, record in _elements(files):
        if record.link is None or record.deleted:
            continue
        if (other := holders.setdefault((record.kind, record.link.path), place)) != place:
            raise BadFolder(f"{place}: link: {record.link.path} is the link of {other}, too")


def _import_file(
    connection: Connection,
    file: CollectionFile,
    present: dict[tuple[Kind, str], Record],
    progress: Progress,
) -> Imported:
    new, replaced = [], 0
    for number, record in enumerate(file.records):
        old = present.get((record.kind, record.id))
        if old is None:
            new.append(record)
            continue
        try:
            put = record_rows.put(connection, old, record.document, deleted=record.deleted)
        except LinkInUse as error:  # it is to change hands
            raise BadFolder(f"{file.place_of(number)}: link: {error}") from None
        replaced += put is not old
        progress(1)
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        record_rows.add_all(connection, some)
        progress(len(some))
    unchanged = len(file.records) - len(new) - replaced
    return Imported(file, len(new), replaced, unchanged)
