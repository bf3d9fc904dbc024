"""Stores as they begin: in new places, in those of others, and in bad ones."""

from __future__ import annotations

import sqlite3
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from image_management.records.kinds import Kind
from image_management.store.errors import StoreRefused, StoreUnavailable
from image_management.store.opening import make_store
from image_management.store.store import Store
from image_management.store.tables import metadata
from tests.image_management.store.case import OnPostgresql, OnSqlite, StoreCase, image, node


def execute(store: Store, statement: str) -> None:
    """Do what no method of the store does."""
    store._database.write(lambda connection: connection.execute(text(statement)))


class OpeningTests:
    """On every database."""

    async def test_again(self: Any) -> None:
        store = self.open_store()
        record = await store.add(image())
        await self.close(store)
        self.assertEqual(await self.open_store().get(Kind.IMAGE, record.id), record)

    async def test_tables_are_those_of_the_release(self: Any) -> None:
        """The migrations make what the statements are made for."""
        store = self.open_store()
        differences = store._database.write(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
        self.assertEqual(differences, [])

    async def test_newer_release(self: Any) -> None:
        store = self.open_store()
        execute(store, "UPDATE alembic_version SET version_num = '99'")
        await self.close(store)
        with self.assertRaisesRegex(StoreRefused, "of a newer release: .* revision 99, .* to 2"):
            self.make_store().startService()

    async def test_older_release(self: Any) -> None:
        """Its records stay, and its tables become this release's."""
        store = self.open_store()
        record = await store.add(node("x1"))
        execute(store, "ALTER TABLE records DROP COLUMN host_key")
        execute(store, "UPDATE alembic_version SET version_num = '1'")
        await self.close(store)
        store = self.open_store()
        self.assertEqual(await store.list_records(Kind.REMOTE_BUILD_NODE), [record])
        self.assertEqual(await store.keep_host_key("x1", "a key"), "a key")

    async def test_closed(self: Any) -> None:
        store = self.open_store()
        await self.close(store)
        with self.assertRaisesRegex(StoreUnavailable, "closed"):
            await store.check()


class SqliteOpeningTests(OpeningTests, OnSqlite, StoreCase):
    """In SQLite."""

    async def test_in_use(self) -> None:
        first = self.open_store()
        with self.assertRaisesRegex(StoreRefused, "is in use by another process.*DATABASE_URL"):
            self.make_store().startService()
        await self.close(first)
        self.open_store()

    async def test_log_is_written_ahead_and_to_the_disk(self) -> None:
        store = self.open_store()
        for name, expected in (("journal_mode", "wal"), ("synchronous", 2)):
            found = store._database.read(Connection.scalar, text(f"PRAGMA {name}"))
            self.assertEqual(found, expected)

    def test_no_database(self) -> None:
        self.folder.mkdir()
        (self.folder / "ims.db").write_bytes(b"something else" * 1000)
        with self.assertRaisesRegex(StoreRefused, "ims.db: file is not a database"):
            self.make_store().startService()

    def test_cannot_be_opened(self) -> None:
        (self.folder / "ims.db").mkdir(parents=True)
        with self.assertRaisesRegex(StoreRefused, "ims.db: unable to open database file"):
            self.make_store().startService()

    def test_no_folder(self) -> None:
        self.folder.write_text("a file")
        with self.assertRaisesRegex(StoreRefused, "ims.lock cannot be written: .*a folder that"):
            self.make_store().startService()

    async def test_full(self) -> None:
        """Nothing is changed, and later there may be room."""
        store = self.open_store()
        execute(store, "PRAGMA max_page_count = 1")  # as few as there are
        record = image("x" * 100_000)
        with self.assertRaisesRegex(StoreUnavailable, "database or disk is full"):
            await store.add(record)
        self.assertEqual(await store.list_body(Kind.IMAGE), b"[]")
        execute(store, "PRAGMA max_page_count = 1000000")
        await store.add(record)

    async def test_read_only(self) -> None:
        store = self.open_store()
        execute(store, "PRAGMA query_only = 1")
        with self.assertRaisesRegex(StoreUnavailable, "readonly database"):
            await store.add(image())

    async def test_somebody_else_writes(self) -> None:
        """Such as an operator with C{sqlite3}."""
        store = self.open_store()
        execute(store, "PRAGMA busy_timeout = 1")
        other = sqlite3.connect(self.folder / "ims.db", isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        with self.assertRaisesRegex(StoreUnavailable, "locked"):
            await store.add(image())
        other.execute("ROLLBACK")
        await store.add(image())


class PostgresqlOpeningTests(OpeningTests, OnPostgresql, StoreCase):
    """In PostgreSQL."""

    def test_wrong_addresses(self) -> None:
        for url in ("mysql://ims:secret@host/ims", "secret", "postgresql://ims:secret@host:port/"):
            with self.assertRaisesRegex(ValueError, "expected postgresql://") as caught:
                make_store(None, self.folder, url)
            self.assertNotIn("secret", str(caught.exception))
