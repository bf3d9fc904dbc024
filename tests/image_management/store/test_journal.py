"""The journal of operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store.errors import Busy, LeaseLost, LinkInUse, NotFound
from image_management.store.journal import Action, Moved, Operation, Removed, Unchanged
from image_management.store.store import Store
from tests.httpd.concurrency.stopping import Stopping
from tests.image_management.store.case import OnPostgresql, OnSqlite, StoreCase, image

HOME = "boot-images/a/manifest.json"
AWAY = "boot-images/deleted/a/deleted_manifest.json"


def soft_delete(record: Record, **state: Any) -> Operation:
    return Operation(record.kind, record.id, Action.SOFT_DELETE, state=state)


def undelete(record: Record) -> Operation:
    return Operation(record.kind, record.id, Action.UNDELETE, deleted=True)


class JournalTests:
    """What every database does with operations."""

    store: Store
    record: Record

    async def prepare(self: Any, lease_seconds: float = 30) -> Store:
        """A store with one image."""
        store: Store = self.open_store(lease_seconds)
        self.store, self.record = store, await store.add(image(link=HOME))
        return store

    async def assert_busy(self: Any, store: Store, operation: Operation) -> None:
        """Nobody else changes the record; everybody reads it."""
        id = self.record.id
        for write in (
            store.change(Kind.IMAGE, id, lambda record: record.document),
            store.move(Kind.IMAGE, id, lambda record: record.document, to_deleted=True),
            store.remove(Kind.IMAGE, id),
            store.begin(replace(operation, action=Action.HARD_DELETE)),
        ):
            with self.assertRaises(Busy) as caught:
                await write
            self.assertEqual(caught.exception.operation, operation)
        self.assertEqual(await store.get(Kind.IMAGE, id), self.record)

    async def test_soft_delete(self: Any) -> None:
        store = await self.prepare()
        operation = soft_delete(self.record, phase="planning")
        self.assertEqual(await store.begin(operation), self.record)
        self.assertEqual(await store.operation(Kind.IMAGE, self.record.id), operation)
        await self.assert_busy(store, operation)
        await store.progress(operation, {"phase": "copying", "done": ["a"]})
        operation = replace(operation, state={"phase": "copying", "done": ["a"]})
        await self.assert_busy(store, operation)
        gone = image(link=AWAY, id=self.record.id, deleted="now").document
        await store.finish(operation, Moved(gone, deleted=True), state={"phase": "cleaning"})
        with self.assertRaises(NotFound):
            await store.get(Kind.IMAGE, self.record.id)
        moved = await store.get(Kind.IMAGE, self.record.id, deleted=True)
        self.assertEqual((moved.document, moved.revision), (gone, 1))
        with self.assertRaises(Busy):
            await store.begin(undelete(self.record))
        await store.finish(operation, Unchanged())
        self.assertIsNone(await store.operation(Kind.IMAGE, self.record.id))
        self.assertEqual(await store.get(Kind.IMAGE, self.record.id, deleted=True), moved)

    async def test_hard_delete(self: Any) -> None:
        store = await self.prepare()
        operation = Operation(Kind.IMAGE, self.record.id, Action.HARD_DELETE)
        await store.begin(operation)
        await store.finish(operation, Removed(), state={"left": 1})
        with self.assertRaises(NotFound):
            await store.get(Kind.IMAGE, self.record.id)
        with self.assertRaises(NotFound):
            await store.begin(operation)
        await store.finish(operation, Unchanged())
        self.assertIsNone(await store.operation(Kind.IMAGE, self.record.id))

    async def test_given_up(self: Any) -> None:
        store = await self.prepare()
        operation = soft_delete(self.record)
        await store.begin(operation)
        await store.finish(operation, Unchanged())
        self.assertEqual(await store.get(Kind.IMAGE, self.record.id), self.record)
        await store.begin(operation)

    async def test_of_what_is_not_there(self: Any) -> None:
        store = await self.prepare()
        for operation in (
            undelete(self.record),
            replace(soft_delete(self.record), kind=Kind.RECIPE),
            replace(soft_delete(self.record), id="\0"),
        ):
            with self.assertRaises(NotFound):
                await store.begin(operation)
        self.assertIsNone(await store.operation(Kind.IMAGE, "\0"))

    async def test_one_of_many_begins(self: Any) -> None:
        store = await self.prepare()
        other = self.another()
        operation = soft_delete(self.record)
        begun = await gatherResults(
            [
                Deferred.fromCoroutine(chosen.begin(operation)).addErrback(
                    lambda failure: failure.trap(Busy)
                )
                for chosen in [store, other] * 10
            ]
        )
        self.assertEqual([result for result in begun if result is not Busy], [self.record])

    async def test_link_is_kept_until_the_end(self: Any) -> None:
        """What is about to be taken away from under a link is nobody else's."""
        store = await self.prepare()
        operation = soft_delete(self.record)
        await store.begin(operation)
        gone = image(link=AWAY).document
        await store.finish(operation, Moved(gone, deleted=True), state={"phase": "cleaning"})
        other = await store.add(image())
        with self.assertRaises(LinkInUse):
            await store.add(image(link=HOME))
        with self.assertRaises(LinkInUse):
            await store.change(Kind.IMAGE, other.id, lambda _: image(link=HOME).document)
        await store.finish(operation, Unchanged())
        await store.change(Kind.IMAGE, other.id, lambda _: image(link=HOME).document)

    async def test_claimed_link(self: Any) -> None:
        """Nor is the one that an undelete is about to set."""
        store = await self.prepare()
        path = f"s3://{HOME}"
        gone = image(link=AWAY).document
        await store.move(Kind.IMAGE, self.record.id, lambda _: gone, to_deleted=True)
        other = await store.add(image(link=HOME))
        operation = undelete(self.record)
        await store.begin(operation)
        with self.assertRaises(LinkInUse):
            await store.progress(operation, {}, claim=path)
        await store.remove(Kind.IMAGE, other.id)
        await store.progress(operation, {"phase": "copying"}, claim=path)
        await store.progress(operation, {"phase": "copied"})
        with self.assertRaises(LinkInUse):
            await store.add(image(link=HOME))
        await store.finish(operation, Moved(self.record.document, deleted=False))
        back = await store.get(Kind.IMAGE, self.record.id)
        self.assertEqual(back.document, self.record.document)

    async def test_claimed_by_two(self: Any) -> None:
        store = await self.prepare()
        other = await store.add(image(link="boot-images/b/manifest.json"))
        for record in (self.record, other):
            away = image(link=f"boot-images/deleted/{record.id}").document
            await store.move(Kind.IMAGE, record.id, lambda _, away=away: away, to_deleted=True)
            await store.begin(undelete(record))
        await store.progress(undelete(self.record), {}, claim=f"s3://{HOME}")
        with self.assertRaises(LinkInUse):
            await store.progress(undelete(other), {}, claim=f"s3://{HOME}")

    async def test_others_cannot_go_on(self: Any) -> None:
        store = await self.prepare()
        operation = soft_delete(self.record)
        with self.assertRaises(LeaseLost):
            await store.progress(operation, {})
        await store.begin(operation)
        other = self.another()
        with self.assertRaises(LeaseLost):
            await other.progress(operation, {"lost": True})
        with self.assertRaises(LeaseLost):
            await other.finish(operation, Removed())
        with self.assertRaises(LeaseLost):
            await other.finish(operation, Removed(), state={})
        await self.assert_busy(store, operation)


class SqliteJournalTests(JournalTests, OnSqlite, StoreCase):
    """In SQLite."""

    def another(self) -> Store:
        """Of the same process: another one could not have the folder."""
        ending = Stopping()
        self.addCleanup(ending.end)
        return Store(self.store._database, ending)

    async def test_taken_over_at_the_start(self) -> None:
        """What an earlier process has begun, whenever that was."""
        store = await self.prepare()
        operation = soft_delete(self.record, phase="copying")
        await store.begin(operation)
        self.assertEqual(await store.take_over(), [])  # it is its own
        await self.close(store)
        later = self.open_store()
        self.assertEqual(await later.take_over(), [operation])
        self.assertEqual(await later.take_over(), [])
        await later.renew()
        await later.finish(operation, Removed())


class PostgresqlJournalTests(JournalTests, OnPostgresql, StoreCase):
    """In PostgreSQL."""

    def another(self) -> Store:
        """A replica."""
        return self.open_store()

    async def test_not_taken_over_before_its_time(self) -> None:
        store = await self.prepare()
        operation = soft_delete(self.record)
        await store.begin(operation)
        self.assertEqual(await self.another().take_over(), [])
        await store.progress(operation, {})

    async def test_taken_over_from_one_that_does_not_renew(self) -> None:
        store = await self.prepare(lease_seconds=0)
        operation = soft_delete(self.record, phase="copying")
        await store.begin(operation)
        self.assertEqual(await store.take_over(), [])  # it is its own
        other = self.another()
        self.assertEqual(await other.take_over(), [operation])
        with self.assertRaises(LeaseLost):
            await store.progress(operation, {})
        with self.assertRaises(LeaseLost):
            await store.finish(operation, Removed())
        await store.renew()
        await other.progress(operation, {"phase": "cleaning"})
        await other.finish(operation, Removed())

    async def test_renewed(self) -> None:
        store = await self.prepare(lease_seconds=0)
        operation = soft_delete(self.record)
        await store.begin(operation)
        store._lease_seconds = 30
        await store.renew()
        self.assertEqual(await self.another().take_over(), [])

    async def test_each_is_taken_over_once(self) -> None:
        """By many replicas at the same time."""
        store = await self.prepare(lease_seconds=0)
        expected = set()
        for number in range(20):
            record = await store.add(image(f"{number}"))
            await store.begin(soft_delete(record))
            expected.add(record.id)
        replicas = [self.another() for _ in range(4)]
        taken = await gatherResults(
            [Deferred.fromCoroutine(replica.take_over()) for replica in replicas]
        )
        ids = [operation.id for share in taken for operation in share]
        self.assertEqual(sorted(ids), sorted(expected))
