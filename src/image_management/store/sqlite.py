"""The embedded database: one file of SQLite, of one process at a time."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, create_engine, event, func, null, true
from sqlalchemy.exc import DBAPIError

from httpd.texts import os_error_text
from image_management.store.database import Database, Fill, nothing
from image_management.store.errors import StoreError, StoreRefused, StoreUnavailable

DATABASE_FILE = "ims.db"
LOCK_FILE = "ims.lock"

_BUSY_SECONDS = 5
"""How long to wait for whoever else looks into the file, such as an operator's C{sqlite3}."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteDatabase(Database):
    """
    C{ims.db} in a folder, with a write-ahead log that is on the disk before a write is answered.

    C{ims.lock} beside it is locked (flock(2)) by the process that has the database.
    """

    readers = 4
    writers = 1  # SQLite has no more; they wait in the thread's queue, in their order
    alone = True

    def __init__(self, folder: Path, fill: Fill = nothing) -> None:
        self._folder = folder
        self._lock: int | None = None
        engine = create_engine(
            f"sqlite:///{folder / DATABASE_FILE}",
            connect_args={"timeout": _BUSY_SECONDS},
            pool_size=self.readers + self.writers,
            max_overflow=0,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        super().__init__(engine, {}, {"writes": True}, fill)

    def lease_end(self, seconds: float) -> ColumnElement[Any]:
        """None: a lease lasts as long as the process."""
        return null()

    def lease_is_over(self, end: ColumnElement[Any]) -> ColumnElement[bool]:
        """It is: the other process is not there any more."""
        return true()

    @staticmethod
    def joined(texts: ColumnElement[str], order: ColumnElement[Any]) -> ColumnElement[str]:
        """SQLite joins rows in the order in which they come."""
        return func.aggregate_strings(texts, ",")

    def _acquire(self) -> None:
        if self._lock is not None:
            return
        place = self._folder / LOCK_FILE
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreRefused(
                f"{place} cannot be written: {os_error_text(error)};"
                " expected a folder that can be written"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreRefused(
                f"{self._folder} is in use by another process, which has locked {LOCK_FILE}; one at"
                " a time can have it. Several share a PostgreSQL server: DATABASE_URL"
            ) from None
        self._lock = lock

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _lock_for_migration(self, connection: Connection) -> None:
        """The transaction is the only one that writes."""

    def _most_tries(self, error: DBAPIError) -> int:
        """One: SQLite has waited by itself."""
        return 1

    def _translated(self, error: DBAPIError) -> StoreError:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        text = f"{self._folder / DATABASE_FILE}: {error.orig}"
        if code == sqlite3.SQLITE_CONSTRAINT:
            text = f"{self._folder / DATABASE_FILE}: a constraint failed"
        return StoreRefused(text) if code in _DAMAGED else StoreUnavailable(text)


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    # Transactions begin where they are said to, and not where the driver thinks they should.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    """What writes locks first, so that it never has to begin anew; reading needs no transaction."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
