"""The store, as the reactor's thread uses it: nothing here blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from image_management.records.kinds import Kind
from image_management.records.record import Document, Record
from image_management.store.journal import Operation, Outcome

Change = Callable[[Record], Document]
"""Makes a record's new document of the record.  Quick and pure: it runs in a thread, within a
transaction, and perhaps again.  What it raises comes out, and nothing is changed."""

LEASE_SECONDS = 30.0
"""How long an operation is kept for an owner that does not renew its leases."""


class Store(Service):
    """
    Records of all kinds and the journal of operations on them, in SQLite or PostgreSQL.

    As a service it opens the database when it starts and closes it when it stops.  Each of its
    methods is one transaction, and what it has answered survives the end of the process and of the
    machine.  Any of them raises L{StoreUnavailable<image_management.store.errors.StoreUnavailable>}
    while the database cannot be used.
    """

    def startService(self) -> None:
        """
        Open the database, bring its tables to this release's, and take over what is in the folder
        from Cray's service.  A PostgreSQL server that is away is waited for by whoever asks.

        @raise StoreRefused: the database is in use, damaged, or of a newer release.
        """
        Service.startService(self)

    def stopService(self) -> Deferred[None] | None:
        """Close the database, once what is under way has ended."""
        Service.stopService(self)
        return None

    # --- records

    async def get(self, kind: Kind, id: str, *, deleted: bool = False) -> Record:
        """
        A record.

        @param deleted: of the collection of what was deleted.
        @raise NotFound: it is not there.
        """
        raise NotImplementedError

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
        A collection as the API sends it: a JSON array of its records, in order of creation.

        @param filters: which values members have; only those records whose members all equal
            them, as JSON compares: a boolean equals no text.
        @param limit: how many there are at most.
        @param after: the id of a record; only those that come after it.
        @raise UnknownPlace: C{after} is not in the collection.
        """
        raise NotImplementedError

    async def list_records(self, kind: Kind, *, deleted: bool = False) -> list[Record]:
        """The records of a collection, in order of creation."""
        raise NotImplementedError

    async def add(self, record: Record) -> Record:
        """
        Add a record at the end of its collection.  One whose id is there already stays as it is
        and is returned: a remote build node may be added again.

        @raise LinkInUse: another live record of its kind has its link.
        """
        raise NotImplementedError

    async def change(self, kind: Kind, id: str, change: Change) -> Record:
        """
        Change a live record, in one transaction: no other change comes between.

        A document equal to the one that is there changes nothing.

        @return: the record as it is now.
        @raise NotFound: it is not there.
        @raise Busy: an operation on it is under way.
        @raise LinkInUse: another live record of its kind has the link that was to be set.
        """
        raise NotImplementedError

    async def move(self, kind: Kind, id: str, change: Change, *, to_deleted: bool) -> Record:
        """
        Move a record to the collection of what was deleted, or back to its old place, and change
        it: all in one transaction, for kinds without artifacts.

        @raise NotFound: it is not in the other collection.
        @raise Busy: an operation on it is under way.
        @raise LinkInUse: another live record of its kind has its link.
        """
        raise NotImplementedError

    async def remove(self, kind: Kind, id: str, *, deleted: bool = False) -> None:
        """
        Remove a record for good.

        @raise NotFound: it is not there.
        @raise Busy: an operation on it is under way.
        """
        raise NotImplementedError

    # --- operations

    async def begin(self, operation: Operation) -> Record:
        """
        Begin an operation; this store is its owner.  While it lasts, nobody else of the kind can
        set the link that its record has now.

        @return: its record, which nobody else changes from now on.
        @raise NotFound: the record is not in the collection that L{Operation.deleted} says.
        @raise Busy: an operation on it is under way already.
        """
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

    async def operation(self, kind: Kind, id: str) -> Operation | None:
        """The operation on a record that is under way, if there is one."""
        raise NotImplementedError

    async def take_over(self) -> list[Operation]:
        """
        Become the owner of the operations that nobody works at.  In SQLite, which one process has
        at a time, that is everything that another process began; in PostgreSQL what others' leases
        have run out of.

        @return: the operations that are this store's from now on, as they were written last.
        """
        raise NotImplementedError

    async def renew(self) -> None:
        """Renew the leases of this store's operations; to be called a few times a lease."""
        raise NotImplementedError

    async def check(self) -> None:
        """
        Ask the database whether it answers.

        @raise StoreUnavailable: it does not; the text says why.
        """
        raise NotImplementedError
