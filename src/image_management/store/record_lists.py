"""How collections are read from the table of records, whole or in part."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, select

from image_management.records.kinds import Kind
from image_management.records.record import Record, document_text, read_document
from image_management.store.database import Database
from image_management.store.errors import UnknownPlace
from image_management.store.record_rows import find_row, read_row
from image_management.store.tables import records

# Made once: making a statement takes longer than SQLite takes for it.
_OF_COLLECTION = (
    select(records.c.document, records.c.position)
    .where(
        records.c.kind == bindparam("of_kind"),
        records.c.deleted == bindparam("of_deleted"),
        records.c.position > bindparam("after"),
    )
    .order_by(records.c.position)
    .limit(bindparam("most"))
)

_NEWEST = (
    select(records)
    .where(
        records.c.kind == bindparam("of_kind"),
        records.c.deleted == bindparam("of_deleted"),
        records.c.position < bindparam("before"),
    )
    .order_by(records.c.position.desc())
    .limit(bindparam("most"))
)
_COUNTS = select(records.c.kind, records.c.deleted, func.count()).group_by(
    records.c.kind, records.c.deleted
)

_ALL = 2**62
"""More than there can be."""


class Newest(NamedTuple):
    """Records of a collection, the newest first."""

    records: list[Record]
    rest: int | None
    """What stands before all that follow; C{None}: that were all."""


@cache
def _joined(database: type[Database]) -> Select[tuple[str]]:
    """L{_OF_COLLECTION} as one text."""
    rows = _OF_COLLECTION.subquery()
    return select(database.joined(rows.c.document, rows.c.position))


def texts(
    connection: Connection,
    database: Database,
    place: Mapping[str, object],
    filters: Mapping[str, object],
    limit: int | None,
) -> str:
    """
    Documents of a collection, joined by commas.

    Without filters the database joins them: the interpreter, and so the reactor's thread, is not
    kept busy by ten thousand rows.

    @param place: where to begin (L{place_in_collection}).
    """
    if filters:
        chosen = _OF_COLLECTION
        for member, value in filters.items():
            # The database finds those that may match: their text has the member's somewhere.
            written = document_text({member: value}).removeprefix("{").removesuffix("}")
            chosen = chosen.where(records.c.document.contains(written, autoescape=True))
        rows = connection.scalars(chosen, {**place, "most": _ALL})
        matching = (text for text in rows if _matches(text, filters))
        return ",".join(islice(matching, limit))
    most = _ALL if limit is None else limit
    return connection.scalar(_joined(type(database)), {**place, "most": most}) or ""


def place_in_collection(
    connection: Connection, kind: Kind, deleted: bool, after: str | None = None
) -> dict[str, object]:
    """
    Where a list of a collection begins.

    @param after: a record's id; for what comes after it.
    @raise UnknownPlace: that record is not in the collection.
    """
    place: dict[str, object] = {"of_kind": kind.value, "of_deleted": deleted, "after": 0}
    if after is not None:
        row = find_row(connection, kind, after)
        if row is None or row["deleted"] != deleted:
            raise UnknownPlace(kind, after)
        place["after"] = row["position"]
    return place


def all_records(connection: Connection, kind: Kind, deleted: bool) -> list[Record]:
    """The records of a collection, in order."""
    rows = connection.execute(
        select(records)
        .where(records.c.kind == kind.value, records.c.deleted.is_(deleted))
        .order_by(records.c.position)
    )
    return [*map(read_row, rows.mappings())]


def newest(
    connection: Connection, kind: Kind, deleted: bool, limit: int, before: int | None
) -> Newest:
    """
    Some records of a collection, the newest first.

    @param before: L{Newest.rest} of what came before; C{None}: from the newest on.
    """
    place = {"of_kind": kind.value, "of_deleted": deleted, "before": before or _ALL}
    rows = connection.execute(_NEWEST, {**place, "most": limit + 1}).mappings().all()
    rest = rows[limit - 1]["position"] if len(rows) > limit else None
    return Newest([*map(read_row, rows[:limit])], rest)


def counts(connection: Connection) -> dict[tuple[Kind, bool], int]:
    """How many records each collection has, by its kind and whether it is of what was deleted."""
    return {(Kind(kind), deleted): count for kind, deleted, count in connection.execute(_COUNTS)}


def _matches(text: str, filters: Mapping[str, object]) -> bool:
    document = read_document(text)
    return all(
        type(found := document.get(member)) is type(value) and found == value
        for member, value in filters.items()
    )
