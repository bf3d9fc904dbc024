"""Which database a store is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from image_management.store.database import Database
from image_management.store.postgresql import PostgresqlDatabase, postgresql_url
from image_management.store.sqlite import SqliteDatabase
from image_management.store.store import LEASE_SECONDS, Store


def make_store(
    reactor: Any,
    data_dir: Path,
    database_url: str | None = None,
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> Store:
    """
    The store of a service, not opened yet: it is when the L{Store} starts.

    @param data_dir: the folder of the SQLite database, and of Cray's files.
    @param database_url: a PostgreSQL server's database instead, as
        C{postgresql://user:password@host:port/name}.
    @raise ValueError: C{database_url} is no such URL.
    """
    database: Database
    if database_url:
        database = PostgresqlDatabase(postgresql_url(database_url))
    else:
        database = SqliteDatabase(data_dir)
    return Store(database, reactor, lease_seconds)
