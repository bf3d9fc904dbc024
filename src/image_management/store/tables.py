"""The tables, as this release has them; L{image_management.store.migrations} makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.exc import IntegrityError

from image_management.records.kinds import Kind
from image_management.store.errors import LinkInUse

metadata = MetaData()

records = Table(
    "records",
    metadata,
    # The order of creation, which a record keeps through all its life.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("link_path", Text),
    # The JSON text that the API sends, so that a list is made without reading it.
    Column("document", Text, nullable=False),
    # Of a remote build node that was met: the key that it had then, as known_hosts(5) has keys.
    Column("host_key", Text),
    UniqueConstraint("kind", "id", name="records_id"),
)

Index("records_order", records.c.kind, records.c.deleted, records.c.position)

_LIVE_AND_LINKED = and_(records.c.deleted.is_(False), records.c.link_path.is_not(None))

Index(
    "records_link",
    records.c.kind,
    records.c.link_path,
    unique=True,
    sqlite_where=_LIVE_AND_LINKED,
    postgresql_where=_LIVE_AND_LINKED,
)

operations = Table(
    "operations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    # As JSON.
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    # Seconds since the epoch, by the database's clock; without one it lasts as long as its owner.
    Column("lease_until", Float),
    # Of a link that no other record may get while the operation lasts.
    Column("link_path", Text),
)

Index("operations_link", operations.c.kind, operations.c.link_path, unique=True)


def is_id(text: str) -> bool:
    """Whether a record may have this id; if not, PostgreSQL would not even take the question."""
    return text.isascii() and text.isprintable()


@contextmanager
def one_holder(kind: Kind, path: str | None) -> Iterator[None]:
    """
    Say in the store's words what the unique indexes of links say of a row.

    @param path: of the row's link.
    @raise LinkInUse: another row has it.
    """
    try:
        yield
    except IntegrityError as error:
        # PostgreSQL names the index, and SQLite its columns.
        if path is not None and "link" in str(error.orig).partition("\n")[0]:
            raise LinkInUse(kind, path) from None
        raise
