"""A PostgreSQL server that goes away, and comes back."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Self

from sqlalchemy import Connection, Engine, event
from twisted.internet.defer import Deferred

from image_management.records.kinds import Kind
from image_management.store.errors import StoreUnavailable
from image_management.store.journal import Action, Operation, Unchanged
from tests.engines.postgresql import PostgresqlServer, postgresql
from tests.image_management.store.case import OnPostgresql, StoreCase, image
from tests.image_management.store.test_at_once import at_once


class BreakingCommits:
    """Within it, the connection of the first commit breaks once that is done."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.broken = 0

    def __enter__(self) -> Self:
        event.listen(self._engine, "commit", self._break)
        return self

    def __exit__(self, *_error: object) -> None:
        event.remove(self._engine, "commit", self._break)

    def _break(self, connection: Connection) -> None:
        if not self.broken:
            self.broken += 1
            driven: Any = connection.connection.dbapi_connection
            driven.commit()
            driven.close()


class AwayTests(StoreCase):
    """The whole server."""

    def database_url(self) -> str:
        self.server = PostgresqlServer()
        self.addCleanup(self.server.remove)
        return self.server.url()

    async def test_at_the_start(self) -> None:
        """The service starts, and has its tables as soon as there is a server."""
        store = self.open_store()
        for call in (store.check(), store.add(image()), store.list_body(Kind.IMAGE)):
            with self.assertRaisesRegex(StoreUnavailable, "PostgreSQL: .*connection"):
                await call
        self.server.start()
        await store.check()
        await store.add(image())

    async def test_meanwhile(self) -> None:
        """What was acknowledged is there when it has come back, and nothing else is needed."""
        self.server.start()
        stores = [self.open_store(), self.open_store()]
        records = [await store.add(image()) for store in stores]
        for end in (self.server.crash, self.server.stop):
            end()
            for store in stores:
                with self.assertRaises(StoreUnavailable):
                    await store.check()
                with self.assertRaises(StoreUnavailable):
                    await store.add(image())
            self.server.start()
            for store in stores:
                await store.check()
                self.assertEqual(await store.list_records(Kind.IMAGE), records)


class BrokenConnectionTests(OnPostgresql, StoreCase):
    """Connections break, as when a proxy restarts."""

    async def test_nobody_notices(self) -> None:
        store = self.open_store()
        record = await store.add(image())

        def calls() -> list[Coroutine[Any, Any, object]]:
            return [
                store.add(image()),
                store.change(Kind.IMAGE, record.id, lambda old: {**old.document, "name": "new"}),
                store.get(Kind.IMAGE, record.id),
                store.list_body(Kind.IMAGE),
                store.check(),
            ]

        assert self.url is not None
        name = self.url.partition("@/")[2].partition("?")[0]
        for _ in range(5):
            running = Deferred.fromCoroutine(at_once([call for _ in range(8) for call in calls()]))
            postgresql().end_connections(name)
            self.assertEqual(await running, {"done": 40})
        self.assertEqual(len(await store.list_records(Kind.IMAGE)), 1 + 5 * 8)

    async def test_after_the_commit(self) -> None:
        """
        A connection that breaks while the answer to a commit is on its way: what was asked for is
        done, once, and does not fail because it has been done already.
        """
        store = self.open_store()
        database = store._database
        records = [await store.add(image(f"{number}")) for number in range(2)]
        operation = Operation(Kind.IMAGE, records[1].id, Action.SOFT_DELETE)
        for call in (
            lambda: store.add(image("new")),
            lambda: store.remove(Kind.IMAGE, records[0].id),
            lambda: store.begin(operation),
            lambda: store.progress(operation, {"phase": "copying"}),
            lambda: store.finish(operation, Unchanged()),
        ):
            with BreakingCommits(database._engine) as breaking:
                await call()
            self.assertEqual(breaking.broken, 1)
        names = [record.document["name"] for record in await store.list_records(Kind.IMAGE)]
        self.assertEqual(names, ["1", "new"])
        self.assertIsNone(await store.operation(Kind.IMAGE, records[1].id))
