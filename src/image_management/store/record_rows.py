"""What is read and written in the table of records, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import (
    Connection,
    RowMapping,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from image_management.records.kinds import Kind
from image_management.records.record import Document, Record, document_text, read_document
from image_management.store.errors import Busy, LinkInUse, NotFound
from image_management.store.operation_rows import find_operation, operation_with_link
from image_management.store.tables import is_id, one_holder, records

Change = Callable[[Record], Document]
"""Makes a record's new document of the record.  Quick and pure: it runs in a thread, within a
transaction, and perhaps again.  What it raises comes out, and nothing is changed."""

# Made once: making a statement takes longer than SQLite takes for it.
_THIS = and_(records.c.kind == bindparam("this_kind"), records.c.id == bindparam("this_id"))
_FIND = select(records).where(_THIS)
_LOCK = _FIND.with_for_update()
_INSERT = insert(records)
_UPDATE = update(records).where(_THIS)
_DELETE = delete(records).where(_THIS)


def get(connection: Connection, kind: Kind, id: str, deleted: bool) -> Record:
    """
    A record.

    @raise NotFound: it is not in that collection.
    """
    row = find_row(connection, kind, id)
    if row is None or row["deleted"] != deleted:
        raise NotFound(kind, id)
    return read_row(row)


def lock(connection: Connection, kind: Kind, id: str) -> Record | None:
    """A record of either collection, which nobody else changes until the transaction ends."""
    row = find_row(connection, kind, id, locked=True)
    return None if row is None else read_row(row)


def lock_idle(connection: Connection, kind: Kind, id: str, deleted: bool) -> Record:
    """
    A record of a collection that no operation is at, locked in the manner of L{lock}.

    @raise NotFound: it is not in that collection.
    @raise Busy: an operation on it is under way.
    """
    record = lock(connection, kind, id)
    if record is None or record.deleted != deleted:
        raise NotFound(kind, id)
    if operation := find_operation(connection, kind, id):
        raise Busy(operation)
    return record


def add(connection: Connection, record: Record) -> Record:
    """
    Add a record, unless it is there.

    @raise LinkInUse: another live record of its kind has its link.
    """
    if (present := lock(connection, record.kind, record.id)) is not None:
        return present
    path = _free_link_path(connection, record, None)
    with one_holder(record.kind, path):
        connection.execute(_INSERT, _columns(record, path))
    return record


def add_all(connection: Connection, new: Iterable[Record]) -> None:
    """Add records of which it is known that they are not there, and that their links are free."""
    connection.execute(_INSERT, [_columns(record, _link_path(record)) for record in new])


def put(connection: Connection, old: Record, document: Document, *, deleted: bool) -> Record:
    """
    Give a record, which is L{locked<lock>}, a new document and a collection.

    @raise LinkInUse: another live record of its kind has its new link.
    """
    if document == old.document and deleted == old.deleted:
        return old
    new = Record(old.kind, old.id, document, old.revision + 1, deleted)
    path = _free_link_path(connection, new, old)
    with one_holder(new.kind, path):
        connection.execute(_UPDATE, _this(new.kind, new.id) | _columns(new, path))
    return new


def remove(connection: Connection, kind: Kind, id: str) -> None:
    """Remove a record, which is L{locked<lock>}, for good."""
    connection.execute(_DELETE, _this(kind, id))


def host_key(connection: Connection, xname: str) -> str | None:
    """The key that a remote build node had when it was met; C{None}: it was not met yet."""
    row = find_row(connection, Kind.REMOTE_BUILD_NODE, xname)
    return None if row is None else row["host_key"]


def keep_host_key(connection: Connection, xname: str, key: str) -> str:
    """
    Keep the key of a remote build node, unless one is kept.

    @return: the one that is; C{key} where the node is not there.
    """
    row = find_row(connection, Kind.REMOTE_BUILD_NODE, xname, locked=True)
    if row is None:
        return key
    if row["host_key"] is None:
        this = _this(Kind.REMOTE_BUILD_NODE, xname)
        connection.execute(_UPDATE, this | {"host_key": key})
        return key
    kept: str = row["host_key"]
    return kept


def find_row(
    connection: Connection, kind: Kind, id: str, *, locked: bool = False
) -> RowMapping | None:
    """
    The row of a record of either collection.

    @param locked: so that nobody else changes it until the transaction ends.
    """
    if not is_id(id):
        return None
    query = _LOCK if locked else _FIND
    return connection.execute(query, _this(kind, id)).mappings().one_or_none()


def _this(kind: Kind, id: str) -> dict[str, str]:
    return {"this_kind": kind.value, "this_id": id}


def _columns(record: Record, link_path: str | None) -> dict[str, object]:
    return {
        "kind": record.kind.value,
        "id": record.id,
        "deleted": record.deleted,
        "revision": record.revision,
        "link_path": link_path,
        "document": document_text(record.document),
    }


def read_row(row: RowMapping) -> Record:
    """The record of a row."""
    return Record(
        Kind(row["kind"]),
        row["id"],
        read_document(row["document"]),
        row["revision"],
        row["deleted"],
    )


def _free_link_path(connection: Connection, new: Record, old: Record | None) -> str | None:
    """
    The path of a record's link.

    @param old: what the record was.
    @raise LinkInUse: the record gets it now, and an operation is about to take what it leads to
        away or to give it to another one.
    """
    path = _link_path(new)
    had = None if old is None or old.deleted else _link_path(old)
    if path is not None and path != had and not new.deleted:
        holder = operation_with_link(connection, new.kind, path)
        if holder is not None and holder != new.id:
            raise LinkInUse(new.kind, path)
    return path


def _link_path(record: Record) -> str | None:
    link = record.link
    return None if link is None else link.path
