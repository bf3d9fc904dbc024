"""The threads in which a database is asked, as the reactor's thread uses them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from httpd.concurrency.threads import own_threads
from image_management.store.database import Database
from image_management.store.errors import StoreUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")

Observe = Callable[[str, str, float], None]
"""
Is told of each time that a database was asked: C{read} or C{write}; C{ok}, which a refusal is, too,
or C{unavailable}; and how many seconds it took, with the wait for a thread.
"""


class DatabaseThreads:
    """Asks a database, in threads of its own: as many as it has use for."""

    def __init__(self, database: Database, reactor: Any, observe: Observe | None) -> None:
        """
        @param reactor: with whose end the threads end.
        """
        self._database = database
        self._clock = reactor
        self._observe = observe
        self._read_in_thread = own_threads(reactor, database.readers, "store")
        self._write_in_thread = self._read_in_thread
        if database.writers:
            self._write_in_thread = own_threads(reactor, database.writers, "store-writer")

    async def read(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As L{Database.read}."""
        asking = partial(self._database.read, work, *args, **kwargs)
        return await self._observed("read", self._read_in_thread(asking))

    async def write(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As L{Database.write}."""
        asking = partial(self._database.write, work, *args, **kwargs)
        return await self._observed("write", self._write_in_thread(asking))

    def close(self) -> Deferred[None]:
        """Close it, once what is under way has ended."""
        return self._write_in_thread(self._database.close)

    async def _observed(self, operation: str, asked: Deferred[_T]) -> _T:
        if self._observe is None:
            return await asked
        began, outcome = self._clock.seconds(), "ok"
        try:
            return await asked
        except StoreUnavailable:
            outcome = "unavailable"
            raise
        finally:
            self._observe(operation, outcome, self._clock.seconds() - began)
