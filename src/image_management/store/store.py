"""The store, as the reactor's thread uses it: nothing here blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store import operation_rows, record_lists, record_rows
from image_management.store.database import Database
from image_management.store.errors import StoreRefused, StoreUnavailable
from image_management.store.journal import Moved, Operation, Outcome, Removed
from image_management.store.record_lists import Newest
from image_management.store.record_rows import Change
from image_management.store.threads import DatabaseThreads, Observe

__all__ = ["LEASE_SECONDS", "Change", "Newest", "Store"]

LEASE_SECONDS = 30.0
"""How long an operation is kept for an owner that does not renew its leases."""


class Store(Service):
    """
    Records of all kinds and the journal of operations on them, in SQLite or PostgreSQL.

    As a service it opens the database when it starts and closes it when it stops.  Each method is
    one transaction, and what it has answered survives the end of the process and of the machine.
    Any raises L{StoreUnavailable<image_management.store.errors.StoreUnavailable>} while the
    database cannot be used.
    """

    _log = Logger()

    def __init__(
        self,
        database: Database,
        reactor: Any,
        lease_seconds: float = LEASE_SECONDS,
        observe: Observe | None = None,
    ) -> None:
        """
        @param reactor: with whose end the threads end in which the database is used.
        @param lease_seconds: how long an operation is kept for an owner that does not renew.
        @param observe: is told of each time that the database is asked.
        """
        self._database = database
        self._lease_seconds = lease_seconds
        self._owner = uuid4().hex
        self._threads = DatabaseThreads(database, reactor, observe)

    def startService(self) -> None:
        """
        Open the database and bring its tables to this release's.  A PostgreSQL server that is away
        is waited for by whoever asks.

        @raise StoreRefused: the database is in use, damaged, or of a newer release, or its file
            cannot be read or written.
        """
        try:
            self._database.open()
        except StoreUnavailable as error:
            if self._database.alone:
                raise StoreRefused(str(error)) from None
            self._log.warn("{error}; it will be asked again", error=error)
        Service.startService(self)

    def stopService(self) -> Deferred[None] | None:
        """Close the database, once what is under way has ended."""
        Service.stopService(self)
        return self._threads.close()

    # --- records

    async def get(self, kind: Kind, id: str, *, deleted: bool = False) -> Record:
        """
        A record.

        @param deleted: of the collection of what was deleted.
        @raise NotFound: it is not there.
        """
        return await self._threads.read(record_rows.get, kind, id, deleted)

    async def list_body(
        self,
        kind: Kind,
        *,
        deleted: bool = False,
        filters: Mapping[str, object] | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> bytes:
        """
        A collection as the API sends it: a JSON array, in order of creation.

        @param filters: which values members have, as JSON compares: a boolean equals no text.
        @param limit: how many there are at most.
        @param after: the id of a record; only those that come after it.
        @raise UnknownPlace: C{after} is not in the collection.
        """

        def body(connection: Connection) -> bytes:
            place = record_lists.place_in_collection(connection, kind, deleted, after)
            texts = record_lists.texts(connection, self._database, place, filters or {}, limit)
            return b"[%b]" % texts.encode()

        return await self._threads.read(body)

    async def list_records(self, kind: Kind, *, deleted: bool = False) -> list[Record]:
        """The records of a collection, in order of creation."""
        return await self._threads.read(record_lists.all_records, kind, deleted)

    async def newest(
        self, kind: Kind, *, deleted: bool = False, limit: int, before: int | None = None
    ) -> Newest:
        """
        Some records of a collection, the newest first.

        @param before: where those end that were told already (L{Newest.rest}).
        """
        return await self._threads.read(record_lists.newest, kind, deleted, limit, before)

    async def counts(self) -> Mapping[tuple[Kind, bool], int]:
        """How many records each collection has that is not empty, by its kind and C{deleted}."""
        return await self._threads.read(record_lists.counts)

    async def add(self, record: Record) -> Record:
        """
        Add a record at the end of its collection.  One whose id is there already stays as it is
        and is returned: a remote build node may be added again.

        @raise LinkInUse: another live record of its kind has its link.
        """
        return await self._threads.write(record_rows.add, record)

    async def change(self, kind: Kind, id: str, change: Change) -> Record:
        """
        Change a live record, in one transaction: no other change comes between.

        A document equal to the one that is there changes nothing.

        @return: the record as it is now.
        @raise NotFound: it is not there.
        @raise Busy: an operation on it is under way.
        @raise LinkInUse: another live record of its kind has the link that was to be set.
        """

        def changed(connection: Connection) -> Record:
            record = record_rows.lock_idle(connection, kind, id, deleted=False)
            return record_rows.put(connection, record, change(record), deleted=False)

        return await self._threads.write(changed)

    async def move(self, kind: Kind, id: str, change: Change, *, to_deleted: bool) -> Record:
        """
        Move a record to the collection of what was deleted, or back to its old place, and change
        it: all in one transaction, for kinds without artifacts.

        @raise NotFound: it is not in the other collection.
        @raise Busy: an operation on it is under way.
        @raise LinkInUse: another live record of its kind has its link.
        """

        def moved(connection: Connection) -> Record:
            record = record_rows.lock_idle(connection, kind, id, not to_deleted)
            return record_rows.put(connection, record, change(record), deleted=to_deleted)

        return await self._threads.write(moved)

    async def remove(self, kind: Kind, id: str, *, deleted: bool = False) -> None:
        """
        Remove a record for good.

        @raise NotFound: it is not there.
        @raise Busy: an operation on it is under way.
        """

        def removed(connection: Connection) -> None:
            record_rows.lock_idle(connection, kind, id, deleted)
            record_rows.remove(connection, kind, id)

        await self._threads.write(removed)

    async def host_key(self, xname: str) -> str | None:
        """The key that a remote build node had when it was met; C{None}: it was not met yet."""
        return await self._threads.read(record_rows.host_key, xname)

    async def keep_host_key(self, xname: str, key: str) -> str:
        """
        Keep the key of a remote build node for as long as its record lasts, unless one is kept.

        @return: the one that is kept; C{key} where there is no such node.
        """
        return await self._threads.write(record_rows.keep_host_key, xname, key)

    # --- operations

    async def begin(self, operation: Operation) -> Record:
        """
        Begin an operation; this store is its owner.  While it lasts, nobody else of the kind can
        set the link that its record has now.

        @return: its record, which nobody else changes from now on.
        @raise NotFound: the record is not in the collection that L{Operation.deleted} says.
        @raise Busy: an operation on it is under way already.
        """

        def begun(connection: Connection) -> Record:
            record = record_rows.lock_idle(
                connection, operation.kind, operation.id, operation.deleted
            )
            path = record.link.path if record.link and not record.deleted else None
            end = self._database.lease_end(self._lease_seconds)
            operation_rows.insert_operation(connection, operation, self._owner, end, path)
            return record

        return await self._threads.write(begun)

    async def progress(
        self, operation: Operation, state: Mapping[str, Any], *, claim: str | None = None
    ) -> None:
        """
        Write down how far an operation is.

        @param claim: the path of the link that its record is going to have: nobody else of the
            kind can set it until the operation ends.
        @raise LeaseLost: this store is not its owner any more.
        @raise LinkInUse: another live record of the kind has the claimed link.
        """
        await self._threads.write(
            operation_rows.update_operation, operation, self._owner, state, claim
        )

    async def finish(
        self, operation: Operation, outcome: Outcome, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """
        Give the record its outcome and end the operation, in one transaction.

        @param state: the operation goes on in this state instead, for what is left to be cleaned
            up; a further C{finish} with L{Unchanged<image_management.store.journal.Unchanged>}
            ends it.
        @raise LeaseLost: this store is not its owner any more; nothing is changed.
        @raise LinkInUse: another live record of the kind has the link of the new document.
        """

        def finished(connection: Connection) -> None:
            # The record first, as everybody does, so that nobody waits in a circle.
            record = record_rows.lock(connection, operation.kind, operation.id)
            if state is None:
                operation_rows.delete_operation(connection, operation, self._owner)
            else:
                operation_rows.update_operation(connection, operation, self._owner, state)
            match outcome:
                case Moved() if record is not None:
                    record_rows.put(connection, record, outcome.document, deleted=outcome.deleted)
                case Removed():
                    record_rows.remove(connection, operation.kind, operation.id)

        await self._threads.write(finished)

    async def operation(self, kind: Kind, id: str) -> Operation | None:
        """The operation on a record that is under way, if there is one."""
        return await self._threads.read(operation_rows.find_operation, kind, id)

    async def operations(self) -> list[Operation]:
        """The operations that are under way, whosoever they are."""
        return await self._threads.read(operation_rows.all_operations)

    async def take_over(self) -> list[Operation]:
        """
        Become the owner of the operations that nobody works at.  In SQLite, which one process has
        at a time, that is everything that another process began; in PostgreSQL what others' leases
        have run out of.

        @return: the operations that are this store's from now on, as they were written last.
        """
        return await self._threads.write(
            operation_rows.take_operations, self._database, self._owner, self._lease_seconds
        )

    async def renew(self) -> None:
        """Renew the leases of this store's operations; to be called a few times a lease."""
        end = self._database.lease_end(self._lease_seconds)
        await self._threads.write(operation_rows.renew_leases, self._owner, end)

    async def check(self) -> None:
        """
        Ask the database whether it answers.

        @raise StoreUnavailable: it does not; the text says why.
        """
        await self._threads.read(Connection.scalar, select(1))
