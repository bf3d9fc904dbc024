"""Many clients at once on the same records: of one store, and of two replicas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from image_management.records.kinds import Kind
from image_management.records.record import Document, Record
from image_management.store.errors import Busy, LinkInUse, NotFound, StoreError
from image_management.store.journal import Action, Moved, Operation, Unchanged
from image_management.store.store import Store
from tests.image_management.store.case import OnPostgresql, OnSqlite, StoreCase, image, node

_CLIENTS = 20
_ROUNDS = 10


async def outcome(call: Coroutine[Any, Any, object]) -> str:
    """What came of it: C{done}, or which error of the store's; any other fails the test."""
    try:
        await call
    except StoreError as error:
        return type(error).__name__
    return "done"


async def at_once(calls: list[Coroutine[Any, Any, object]]) -> Counter[str]:
    """What came of them all."""
    return Counter(await gatherResults([Deferred.fromCoroutine(outcome(call)) for call in calls]))


class AtOnceTests:
    """What every database does with twenty clients."""

    stores: list[Store]

    def clients(self) -> list[Store]:
        """The stores that the clients talk to."""
        return (self.stores * _CLIENTS)[:_CLIENTS]

    async def test_no_lost_update(self: Any) -> None:
        record = await self.stores[0].add(image())

        def count(client: int) -> Any:
            def change(record: Record) -> Document:
                counts = dict(record.document["metadata"])
                counts[f"{client}"] = counts.get(f"{client}", 0) + 1
                return {**record.document, "metadata": counts}

            return change

        calls = [
            store.change(Kind.IMAGE, record.id, count(client))
            for _ in range(_ROUNDS)
            for client, store in enumerate(self.clients())
        ]
        self.assertEqual(await at_once(calls), {"done": _CLIENTS * _ROUNDS})
        found = await self.stores[-1].get(Kind.IMAGE, record.id)
        expected = {f"{client}": _ROUNDS for client in range(_CLIENTS)}
        self.assertEqual(found.document["metadata"], expected)
        self.assertEqual(found.revision, _CLIENTS * _ROUNDS)

    async def test_one_holder_of_each_link(self: Any) -> None:
        paths = [f"boot-images/{number}/manifest.json" for number in range(_ROUNDS)]
        calls = [store.add(image(link=path)) for path in paths for store in self.clients()]
        expected = {"done": _ROUNDS, LinkInUse.__name__: _ROUNDS * (_CLIENTS - 1)}
        self.assertEqual(await at_once(calls), expected)
        found = [record.link for record in await self.stores[0].list_records(Kind.IMAGE)]
        self.assertEqual(sorted(link.path for link in found), [f"s3://{path}" for path in paths])

    async def test_one_sets_a_link(self: Any) -> None:
        path = "boot-images/a/manifest.json"
        records = [await self.stores[0].add(image(f"{number}")) for number in range(_CLIENTS)]
        calls = [
            store.change(
                Kind.IMAGE, record.id, lambda old: {**image(link=path).document, "id": old.id}
            )
            for store, record in zip(self.clients(), records, strict=True)
        ]
        expected = {"done": 1, LinkInUse.__name__: _CLIENTS - 1}
        self.assertEqual(await at_once(calls), expected)

    async def test_same_node(self: Any) -> None:
        calls = [store.add(node("x3000c0s1b0n0")) for store in self.clients()]
        self.assertEqual(await at_once(calls), {"done": _CLIENTS})
        self.assertEqual(len(await self.stores[0].list_records(Kind.REMOTE_BUILD_NODE)), 1)

    async def test_one_removes(self: Any) -> None:
        record = await self.stores[0].add(image())
        calls = [store.remove(Kind.IMAGE, record.id) for store in self.clients()]
        expected = {"done": 1, NotFound.__name__: _CLIENTS - 1}
        self.assertEqual(await at_once(calls), expected)

    async def test_everything_on_a_few_records(self: Any) -> None:
        """In the end each is there once, and no operation is left."""
        records = [await self.stores[0].add(image(f"{number}")) for number in range(3)]

        async def there_and_back(store: Store, record: Record) -> None:
            for action, was in ((Action.SOFT_DELETE, False), (Action.UNDELETE, True)):
                operation = Operation(Kind.IMAGE, record.id, action, deleted=was)
                await store.begin(operation)
                await store.progress(operation, {"phase": "copying"})
                outcome = Moved({**record.document, "moved": was}, deleted=not was)
                await store.finish(operation, outcome, state={"phase": "cleaning"})
                await store.finish(operation, Unchanged())

        def calls(store: Store, record: Record) -> list[Coroutine[Any, Any, object]]:
            return [
                there_and_back(store, record),
                store.change(Kind.IMAGE, record.id, lambda old: {**old.document, "name": "new"}),
                store.list_body(Kind.IMAGE),
                store.get(Kind.IMAGE, record.id),
                store.take_over(),
                store.renew(),
                store.add(image()),
            ]

        rounds = [(store, record) for store in self.clients() for record in records]
        done = await at_once([call for chosen in rounds for call in calls(*chosen)])
        self.assertLessEqual(done.keys(), {"done", Busy.__name__, NotFound.__name__})
        live = json.loads(await self.stores[0].list_body(Kind.IMAGE))
        gone = json.loads(await self.stores[0].list_body(Kind.IMAGE, deleted=True))
        ids = Counter(element["id"] for element in live + gone)
        self.assertEqual(set(ids.values()), {1})
        self.assertLessEqual({record.id for record in records}, ids.keys())
        for record in records:
            self.assertIsNone(await self.stores[0].operation(Kind.IMAGE, record.id))


class SqliteAtOnceTests(AtOnceTests, OnSqlite, StoreCase):
    """One store, in SQLite."""

    def setUp(self) -> None:
        super().setUp()
        self.stores = [self.open_store()]


class PostgresqlAtOnceTests(AtOnceTests, OnPostgresql, StoreCase):
    """Two replicas, in PostgreSQL."""

    def setUp(self) -> None:
        super().setUp()
        self.stores = [self.open_store(), self.open_store()]
