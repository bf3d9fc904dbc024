"""A database of a PostgreSQL server, which several processes share."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Float,
    cast,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError

from httpd.texts import shortened
from image_management.store.database import Database, Fill, nothing
from image_management.store.errors import StoreError, StoreRefused, StoreUnavailable

_IN_USE = 0x696D7301
"""The advisory lock that every connection of a service shares, and that import has for itself."""

_MIGRATION = 0x696D7302
"""The advisory lock of whoever changes the tables."""

_PASSING = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "23505"})
"""
What may be gone at the next try (PostgreSQL, appendix A): serialization failure, deadlock, a lock
that was waited for too long, a server that restarts; and a row that somebody else has just added.
"""

_CONNECTING: dict[str, Any] = {
    "connect_timeout": 5,
    # A server that is gone without a word is noticed.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

_SET_UP = sql.SQL(
    "SELECT {}(%s), set_config('lock_timeout', '5s', false),"
    " set_config('statement_timeout', '30s', false)"
)


class PostgresqlDatabase(Database):
    """
    A database that several services share; L{exclusive<__init__>} for what must be alone with it.
    """

    readers = 8
    writers = 0
    alone = False

    def __init__(self, url: URL, fill: Fill = nothing, *, exclusive: bool = False) -> None:
        """
        @param exclusive: whether no service may use it meanwhile.
        """
        self._exclusive = exclusive
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=_CONNECTING,
            pool_size=1 if exclusive else self.readers,
            max_overflow=0,
            hide_parameters=True,
        )
        event.listen(engine, "connect", self._set_up)
        super().__init__(engine, {"isolation_level": "AUTOCOMMIT"}, {}, fill)

    def lease_end(self, seconds: float) -> ColumnElement[Any]:
        """By the server's clock, which all go by."""
        return _now() + seconds

    def lease_is_over(self, end: ColumnElement[Any]) -> ColumnElement[bool]:
        """By the server's clock."""
        return end < _now()

    @staticmethod
    def joined(texts: ColumnElement[str], order: ColumnElement[Any]) -> ColumnElement[str]:
        """The server has to be told the order."""
        return func.aggregate_strings(texts, ",").aggregate_order_by(order)

    def _set_up(self, connection: psycopg.Connection[Any], _record: object) -> None:
        """
        Have each connection share the lock, or have it alone: it is had as long as there is one.

        @raise StoreRefused: somebody else has it.
        """
        lock = "pg_try_advisory_lock" + ("" if self._exclusive else "_shared")
        row = connection.execute(_SET_UP.format(sql.SQL(lock)), [_IN_USE]).fetchone()
        connection.commit()
        if not (row and row[0]):
            connection.close()
            raise self._in_use()

    def _in_use(self) -> StoreError:
        if self._exclusive:
            return StoreRefused("a service is using the database; stop it first")
        return StoreUnavailable("the database is being imported to or exported from")

    def _acquire(self) -> None:
        """Connections do it."""

    def _release(self) -> None:
        """Connections do it."""

    def _lock_for_migration(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION)))

    def _most_tries(self, error: DBAPIError) -> int:
        if error.connection_invalidated or _state(error) in _PASSING:
            return 6  # within 0.6 s
        # The client library has no code for why it cannot connect.  A server that is away is told
        # of soon: whoever asks meanwhile waits for a thread.
        return 3 if _state(error) is None else 1

    def _translated(self, error: DBAPIError) -> StoreError:
        state = _state(error)
        if state is None:  # the client library's own words: of connections
            text = shortened(" ".join(str(error.orig).split()))
        else:
            text = f"{type(error.orig).__name__} ({state})"
        return StoreUnavailable(f"PostgreSQL: {text}")


def postgresql_url(text: str) -> URL:
    """
    A database's address, as C{postgresql://user:password@host:port/name}.

    @raise ValueError: it is none; without anything of it, for it may have a password.
    """
    expected = "expected postgresql://user:password@host:port/name"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"not the URL of a database; {expected}") from None
    if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError(f"not the URL of a PostgreSQL database; {expected}")
    return url


def _now() -> ColumnElement[Any]:
    return cast(func.extract("epoch", func.clock_timestamp()), Float)


def _state(error: DBAPIError) -> str | None:
    """The error's code, where the server has told of it."""
    return getattr(error.orig, "sqlstate", None)
