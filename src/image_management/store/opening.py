"""Which database a store is in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from image_management.store.database import Database, Fill, nothing
from image_management.store.interchange import take_over
from image_management.store.postgresql import PostgresqlDatabase, postgresql_url
from image_management.store.sqlite import SqliteDatabase
from image_management.store.store import LEASE_SECONDS, Store
from image_management.store.threads import Observe


def make_database(
    data_dir: Path, database_url: str | None, fill: Fill = nothing, *, exclusive: bool = False
) -> Database:
    """
    The database that the settings name, not opened yet.

    @param fill: what to do with new tables.
    @param exclusive: whether to have it alone: SQLite's is always one process's.
    @raise ValueError: C{database_url} is no such URL.
    """
    if database_url:
        return PostgresqlDatabase(postgresql_url(database_url), fill, exclusive=exclusive)
    return SqliteDatabase(data_dir, fill)


def make_store(
    reactor: Any,
    data_dir: Path,
    database_url: str | None = None,
    *,
    lease_seconds: float = LEASE_SECONDS,
    observe: Observe | None = None,
) -> Store:
    """
    The store of a service, not opened yet: it is when the L{Store} starts.

    @param data_dir: the folder of the SQLite database, and of the files of Cray's service, which a
        new one takes over.
    @param database_url: a PostgreSQL server's database instead, as
        C{postgresql://user:password@host:port/name}.
    @param observe: is told of each time that it is asked.
    @raise ValueError: C{database_url} is no such URL.
    """
    fill = nothing if database_url else partial(take_over, data_dir)
    database = make_database(data_dir, database_url, fill)
    return Store(database, reactor, lease_seconds, observe)
