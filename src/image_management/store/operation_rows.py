"""What is read and written in the journal, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from image_management.records.kinds import Kind
from image_management.store.database import Database
from image_management.store.errors import LeaseLost, LinkInUse
from image_management.store.journal import Action, Operation
from image_management.store.tables import is_id, one_holder, operations, records

_STATES = msgspec.json.Decoder(dict[str, Any])

# Made once: making a statement takes longer than SQLite takes for it.
_FIND = select(operations).where(
    operations.c.kind == bindparam("this_kind"), operations.c.id == bindparam("this_id")
)
_WITH_LINK = select(operations.c.id).where(
    operations.c.kind == bindparam("of_kind"), operations.c.link_path == bindparam("path")
)


def find_operation(connection: Connection, kind: Kind, id: str) -> Operation | None:
    """The operation on a record that is under way."""
    if not is_id(id):
        return None
    this = {"this_kind": kind.value, "this_id": id}
    row = connection.execute(_FIND, this).mappings().one_or_none()
    return None if row is None else _operation(row)


def all_operations(connection: Connection) -> list[Operation]:
    """Every operation that is under way."""
    return [*map(_operation, connection.execute(select(operations)).mappings())]


def operation_with_link(connection: Connection, kind: Kind, path: str) -> str | None:
    """The id of the record whose operation keeps others from setting a link."""
    return connection.scalar(_WITH_LINK, {"of_kind": kind.value, "path": path})


def insert_operation(
    connection: Connection,
    operation: Operation,
    owner: str,
    lease_end: ColumnElement[Any],
    link_path: str | None,
) -> None:
    """
    Write down that an operation begins.

    @param link_path: of the link that no other record may get meanwhile.
    @raise LinkInUse: an operation on another record has claimed it.
    """
    with one_holder(operation.kind, link_path):
        connection.execute(
            insert(operations).values(
                kind=operation.kind.value,
                id=operation.id,
                action=operation.action.value,
                deleted=operation.deleted,
                state=_state_text(operation.state),
                owner=owner,
                lease_until=lease_end,
                link_path=link_path,
            )
        )


def update_operation(
    connection: Connection,
    operation: Operation,
    owner: str,
    state: Mapping[str, Any],
    claim: str | None = None,
) -> None:
    """
    Write down how far an operation is.

    @param claim: the path of a link that no other record may get from now on, either.
    @raise LeaseLost: the operation is not C{owner}'s any more.
    @raise LinkInUse: another live record, or another operation, has the link.
    """
    values = {"state": _state_text(state)}
    if claim is not None:
        values["link_path"] = claim
    with one_holder(operation.kind, claim):
        changed = connection.execute(
            update(operations).where(_owned(operation, owner)).values(**values)
        )
    if not changed.rowcount:
        raise LeaseLost(operation)
    if claim is not None and connection.scalar(
        select(records.c.id).where(
            records.c.kind == operation.kind.value,
            records.c.link_path == claim,
            records.c.deleted.is_(False),
            records.c.id != operation.id,
        )
    ):
        raise LinkInUse(operation.kind, claim)


def delete_operation(connection: Connection, operation: Operation, owner: str) -> None:
    """
    Write down that an operation has ended.

    @raise LeaseLost: it is not C{owner}'s any more.
    """
    gone = connection.execute(delete(operations).where(_owned(operation, owner)))
    if not gone.rowcount:
        raise LeaseLost(operation)


def take_operations(
    connection: Connection, database: Database, owner: str, lease_seconds: float
) -> list[Operation]:
    """Become the owner of those that nobody works at."""
    key = tuple_(operations.c.kind, operations.c.id)
    free = (
        select(operations.c.kind, operations.c.id)
        .where(operations.c.owner != owner, database.lease_is_over(operations.c.lease_until))
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        update(operations)
        .where(key.in_(free))
        .values(owner=owner, lease_until=database.lease_end(lease_seconds))
        .returning(operations)
    )
    return [*map(_operation, rows.mappings())]


def renew_leases(connection: Connection, owner: str, lease_end: ColumnElement[Any]) -> None:
    """Keep what is C{owner}'s."""
    connection.execute(
        update(operations).where(operations.c.owner == owner).values(lease_until=lease_end)
    )


def _owned(operation: Operation, owner: str) -> ColumnElement[bool]:
    return and_(
        operations.c.kind == operation.kind.value,
        operations.c.id == operation.id,
        operations.c.owner == owner,
    )


def _operation(row: RowMapping) -> Operation:
    return Operation(
        Kind(row["kind"]),
        row["id"],
        Action(row["action"]),
        row["deleted"],
        _STATES.decode(row["state"]),
    )


def _state_text(state: Mapping[str, Any]) -> str:
    return msgspec.json.encode(state).decode()
