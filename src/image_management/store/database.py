"""
A database, as blocking code in threads uses it: transactions, and errors that are the store's own.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine
from sqlalchemy.exc import DBAPIError

from image_management.store.errors import StoreError, StoreUnavailable
from image_management.store.migrations import migrate

_P = ParamSpec("_P")
_T = TypeVar("_T")

Fill = Callable[[Connection], object]
"""Puts the first records into new tables, in the transaction that makes them."""


def nothing(_connection: Connection) -> None:
    """A L{Fill}: none."""


_FIRST_WAIT = 0.02
"""Seconds before the second try; before each further one it is twice as long."""


class Database(ABC):
    """
    Where the tables are.

    @cvar readers: how many threads may read at a time.
    @cvar writers: how many threads may write at a time; 0: those that read.
    @cvar alone: whether no other process uses it while this one does.
    """

    readers: int
    writers: int
    alone: bool

    def __init__(
        self, engine: Engine, reading: dict[str, Any], writing: dict[str, Any], fill: Fill
    ) -> None:
        """
        @param reading: the engine's options for single statements that read.
        @param writing: its options for transactions.
        @param fill: called when the tables are new, in the transaction that makes them.
        """
        self._fill = fill
        self._engine = engine
        self._reading = engine.execution_options(**reading)
        self._writing = engine.execution_options(**writing)
        self._opening = Lock()
        self._open = False
        self._closed = False

    def open(self) -> None:
        """
        Make it ready to be used, where it is not yet; reading and writing do so, too.

        @raise StoreRefused: it cannot be used as it is.
        @raise StoreUnavailable: it does not answer.
        """
        if self._open:
            return
        with self._opening:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if not self._open:
                self._acquire()
                try:
                    self._transact(self._prepare)
                except StoreError:
                    self._let_go()
                    raise
                self._open = True

    def close(self) -> None:
        """Let it go; nothing can be done with it from now on."""
        with self._opening:
            self._open, self._closed = False, True
            self._let_go()

    def _let_go(self) -> None:
        self._engine.dispose()
        self._release()

    def read(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """
        What C{work} returns, which reads, each statement for itself.

        @raise StoreUnavailable: the database does not answer.
        @raise StoreError: what C{work} raises.
        """

        def attempt() -> _T:
            with self._reading.connect() as connection:
                return work(connection, *args, **kwargs)

        self.open()
        return self._repeated(attempt)

    def write(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """
        What C{work} returns, in a transaction; if it raises anything, nothing is changed.

        @param work: is called again when the connection breaks or others are in the way; nobody
            may know then whether the first was committed.
        @raise StoreUnavailable: the database does not answer, or cannot be written.
        @raise StoreError: what C{work} raises.
        """
        self.open()
        return self._transact(lambda connection: work(connection, *args, **kwargs))

    def _prepare(self, connection: Connection) -> None:
        self._lock_for_migration(connection)
        if migrate(connection):
            self._fill(connection)

    def _transact(self, work: Callable[[Connection], _T]) -> _T:
        unsure: list[_T] = []

        def attempt() -> _T:
            with self._writing.connect() as connection:
                try:
                    result = work(connection)
                except StoreError:
                    # What it refuses now, it has done itself, in the commit that had no answer.
                    if unsure:
                        return unsure[-1]
                    raise
                try:
                    connection.commit()
                except DBAPIError:
                    unsure.append(result)
                    raise
                return result

        return self._repeated(attempt)

    def _repeated(self, attempt: Callable[[], _T]) -> _T:
        """Try again what failed for a moment, a few times; then tell of it in the store's words."""
        wait, tries = _FIRST_WAIT, 1
        while True:
            try:
                return attempt()
            except DBAPIError as error:
                if tries >= self._most_tries(error):
                    raise self._translated(error) from None
            # Those that were in each other's way are not to meet again.
            time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            wait, tries = 2 * wait, tries + 1

    # --- what SQLite and PostgreSQL have each in its way

    @abstractmethod
    def lease_end(self, seconds: float) -> ColumnElement[Any]:
        """When a lease ends that begins now."""

    @abstractmethod
    def lease_is_over(self, end: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether another process's lease has ended."""

    @staticmethod
    @abstractmethod
    def joined(texts: ColumnElement[str], order: ColumnElement[Any]) -> ColumnElement[str]:
        """Texts of rows that come in C{order} as one, with commas between."""

    @abstractmethod
    def _acquire(self) -> None:
        """See that whoever must not use it meanwhile cannot."""

    @abstractmethod
    def _release(self) -> None:
        """The end of L{_acquire}."""

    @abstractmethod
    def _lock_for_migration(self, connection: Connection) -> None:
        """Let nobody else change the tables until the transaction ends."""

    @abstractmethod
    def _most_tries(self, error: DBAPIError) -> int:
        """How many tries something is worth that has failed so."""

    @abstractmethod
    def _translated(self, error: DBAPIError) -> StoreError:
        """The error in the store's words, without anything of a record."""
