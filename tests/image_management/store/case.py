"""Stores for tests: each case runs on SQLite, and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from twisted.trial.unittest import TestCase

from image_management.records.kinds import Kind
from image_management.records.record import Document, Record
from image_management.store.opening import make_store
from image_management.store.store import Store
from tests.engines.postgresql import postgresql
from tests.httpd.concurrency.stopping import Stopping

CREATED = "2026-11-27T07:00:00+00:00"


class StoreCase(TestCase):
    """A test of stores in one place; it chooses a database by what else it derives from."""

    timeout = 300

    folder: Path
    url: str | None

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.url = self.database_url()

    def database_url(self) -> str | None:
        raise NotImplementedError

    def make_store(self, lease_seconds: float = 30) -> Store:
        """Another one in the same place, which is not open yet."""
        ending = Stopping()
        self.addCleanup(ending.end)
        return make_store(ending, self.folder, self.url, lease_seconds=lease_seconds)

    def open_store(self, lease_seconds: float = 30) -> Store:
        """Another one in the same place."""
        store = self.make_store(lease_seconds)
        store.startService()
        self.addCleanup(self.close, store)
        return store

    async def close(self, store: Store) -> None:
        """Stop it, if it runs."""
        if store.running:
            stopped = store.stopService()
            assert stopped is not None
            await stopped


class OnSqlite:
    """In a file of SQLite."""

    def database_url(self) -> str | None:
        return None


class OnPostgresql:
    """In a database of a server."""

    def database_url(self: Any) -> str | None:
        return postgresql().new_database(self)


def image(name: str = "image", link: str | None = None, **members: Any) -> Record:
    """A new image; a link is given as C{bucket/key}."""
    id = str(uuid4())
    document: Document = {
        "name": name,
        "link": link and {"path": f"s3://{link}", "etag": "", "type": "s3"},
        "arch": "x86_64",
        "metadata": {},
        "id": id,
        "created": CREATED,
    }
    return Record(Kind.IMAGE, id, {**document, **members})


def public_key(name: str) -> Record:
    """A new public key."""
    id = str(uuid4())
    document = {"name": name, "public_key": "ssh-ed25519 AAAA", "id": id, "created": CREATED}
    return Record(Kind.PUBLIC_KEY, id, document)


def node(xname: str) -> Record:
    """A remote build node."""
    return Record(Kind.REMOTE_BUILD_NODE, xname, {"xname": xname})
