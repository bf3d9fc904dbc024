"""Records in the store."""

from __future__ import annotations

import json
from typing import Any

from image_management.records.kinds import Kind
from image_management.records.record import Document, Record
from image_management.store.errors import LinkInUse, NotFound, UnknownPlace
from image_management.store.store import Store
from tests.image_management.store.case import (
    OnPostgresql,
    OnSqlite,
    StoreCase,
    image,
    node,
    public_key,
)

NOBODY = "00000000-0000-4000-8000-000000000000"


def named(name: str) -> Any:
    """A change: of the name."""
    return lambda record: {**record.document, "name": name}


def linked(path: str) -> Any:
    """A change: of the link."""
    return lambda record: {**record.document, "link": image(link=path).document["link"]}


class RecordTests:
    """What every database does with records."""

    store: Store

    def setUp(self: Any) -> None:
        super().setUp()  # type: ignore[misc]
        self.store = self.open_store()

    async def listed(self: Any, **asked: Any) -> list[str]:
        """The names in a list of images."""
        body = await self.store.list_body(Kind.IMAGE, **asked)
        return [element["name"] for element in json.loads(body)]

    async def test_added_is_there(self: Any) -> None:
        record = image("ä \0 \N{ROCKET}")
        self.assertEqual(await self.store.add(record), record)
        self.assertEqual(await self.store.get(Kind.IMAGE, record.id), record)
        body = await self.store.list_body(Kind.IMAGE)
        self.assertEqual(json.loads(body), [record.document])

    async def test_not_there(self: Any) -> None:
        record = await self.store.add(image())
        for kind, id, deleted in (
            (Kind.IMAGE, NOBODY, False),
            (Kind.RECIPE, record.id, False),
            (Kind.IMAGE, record.id, True),
            (Kind.IMAGE, "", False),
            (Kind.IMAGE, "\0", False),
            (Kind.IMAGE, "\ud800", False),
            (Kind.IMAGE, "ä", False),
        ):
            with self.assertRaises(NotFound):
                await self.store.get(kind, id, deleted=deleted)
            with self.assertRaises(NotFound):
                await self.store.remove(kind, id, deleted=deleted)

    async def test_empty_collection(self: Any) -> None:
        self.assertEqual(await self.store.list_body(Kind.IMAGE), b"[]")
        self.assertEqual(await self.store.list_body(Kind.IMAGE, filters={"name": "a"}), b"[]")
        self.assertEqual(await self.store.list_records(Kind.IMAGE), [])

    async def test_order_of_creation(self: Any) -> None:
        names = [f"image-{number}" for number in (3, 1, 2)]
        records = [await self.store.add(image(name)) for name in names]
        await self.store.change(Kind.IMAGE, records[1].id, named("changed"))
        self.assertEqual(await self.listed(), ["image-3", "changed", "image-2"])
        listed = await self.store.list_records(Kind.IMAGE)
        self.assertEqual([record.id for record in listed], [record.id for record in records])

    async def test_newest_first(self: Any) -> None:
        """A part at a time, each beginning where the one before has ended."""
        for number in range(7):
            await self.store.add(image(f"image-{number}"))
            await self.store.add(public_key(f"key-{number}"))
        parts: list[list[str]] = []
        rest: int | None = None
        while not parts or rest is not None:
            found = await self.store.newest(Kind.IMAGE, limit=3, before=rest)
            parts.append([record.document["name"][-1] for record in found.records])
            rest = found.rest
        self.assertEqual(parts, [["6", "5", "4"], ["3", "2", "1"], ["0"]])
        whole = await self.store.newest(Kind.IMAGE, limit=7)
        self.assertEqual((len(whole.records), whole.rest), (7, None))
        self.assertEqual(await self.store.newest(Kind.IMAGE, deleted=True, limit=3), ([], None))

    async def test_newest_after_some_have_gone(self: Any) -> None:
        """Where a part begins does not depend on what is there still."""
        images = [await self.store.add(image(f"image-{number}")) for number in range(4)]
        first = await self.store.newest(Kind.IMAGE, limit=2)
        for record in images[2:]:
            await self.store.remove(Kind.IMAGE, record.id)
        rest = await self.store.newest(Kind.IMAGE, limit=2, before=first.rest)
        self.assertEqual([record.id for record in rest.records], [images[1].id, images[0].id])

    async def test_counts(self: Any) -> None:
        self.assertEqual(await self.store.counts(), {})
        for number in range(3):
            await self.store.add(image(f"image-{number}"))
        key = await self.store.add(public_key("a"))
        await self.store.add(node("x1000c0s0b0n0"))
        stamp = {"deleted": "2026-11-27T08:00:00+00:00"}
        await self.store.move(
            Kind.PUBLIC_KEY, key.id, lambda record: record.document | stamp, to_deleted=True
        )
        self.assertEqual(
            await self.store.counts(),
            {
                (Kind.IMAGE, False): 3,
                (Kind.PUBLIC_KEY, True): 1,
                (Kind.REMOTE_BUILD_NODE, False): 1,
            },
        )

    async def test_moved_back_is_in_its_old_place(self: Any) -> None:
        keys = [await self.store.add(public_key(name)) for name in "abc"]
        stamp = {"deleted": "2026-11-27T08:00:00+00:00"}
        moved = await self.store.move(
            Kind.PUBLIC_KEY, keys[0].id, lambda record: record.document | stamp, to_deleted=True
        )
        self.assertEqual((moved.deleted, moved.document), (True, dict(keys[0].document) | stamp))
        self.assertEqual(await self.store.list_records(Kind.PUBLIC_KEY, deleted=True), [moved])
        self.assertEqual(await self.store.list_records(Kind.PUBLIC_KEY), keys[1:])
        with self.assertRaises(NotFound):
            await self.store.move(
                Kind.PUBLIC_KEY, keys[0].id, lambda record: record.document, to_deleted=True
            )
        await self.store.move(
            Kind.PUBLIC_KEY, keys[0].id, lambda _record: keys[0].document, to_deleted=False
        )
        back = await self.store.list_records(Kind.PUBLIC_KEY)
        self.assertEqual([key.document for key in back], [key.document for key in keys])

    async def test_change(self: Any) -> None:
        record = await self.store.add(image("before"))
        changed = await self.store.change(Kind.IMAGE, record.id, named("after"))
        self.assertEqual((changed.document["name"], changed.revision), ("after", 1))
        self.assertEqual(await self.store.get(Kind.IMAGE, record.id), changed)
        # The same again is no change.
        self.assertEqual(await self.store.change(Kind.IMAGE, record.id, named("after")), changed)

    async def test_change_that_raises_changes_nothing(self: Any) -> None:
        record = await self.store.add(image())

        def refuse(_record: Record) -> Document:
            raise KeyError("refused")

        with self.assertRaisesRegex(KeyError, "refused"):
            await self.store.change(Kind.IMAGE, record.id, refuse)
        self.assertEqual(await self.store.get(Kind.IMAGE, record.id), record)
        await self.store.change(Kind.IMAGE, record.id, named("goes on"))

    async def test_remove(self: Any) -> None:
        record = await self.store.add(image())
        await self.store.remove(Kind.IMAGE, record.id)
        with self.assertRaises(NotFound):
            await self.store.remove(Kind.IMAGE, record.id)
        self.assertEqual(await self.listed(), [])

    async def test_node_again(self: Any) -> None:
        first = await self.store.add(node("x3000c0s1b0n0"))
        await self.store.add(node("x3000c0s1b0n0"))
        self.assertEqual(await self.store.list_records(Kind.REMOTE_BUILD_NODE), [first])

    async def test_host_key(self: Any) -> None:
        """The first counts, for as long as its node is there."""
        self.assertEqual(await self.store.keep_host_key("x1", "a"), "a")
        record = await self.store.add(node("x1"))
        await self.store.add(node("x2"))
        self.assertIsNone(await self.store.host_key("x1"))
        for given in ("b", "c"):
            self.assertEqual(await self.store.keep_host_key("x1", given), "b")
        self.assertEqual(await self.store.host_key("x1"), "b")
        self.assertIsNone(await self.store.host_key("x2"))
        self.assertEqual(await self.store.get(Kind.REMOTE_BUILD_NODE, "x1"), record)
        await self.store.remove(Kind.REMOTE_BUILD_NODE, "x1")
        self.assertIsNone(await self.store.host_key("x1"))
        await self.store.add(node("x1"))
        self.assertIsNone(await self.store.host_key("x1"))

    async def test_one_holder_of_a_link(self: Any) -> None:
        holder = await self.store.add(image(link="boot-images/a/manifest.json"))
        other = await self.store.add(image())
        with self.assertRaises(LinkInUse):
            await self.store.add(image(link="boot-images/a/manifest.json"))
        with self.assertRaises(LinkInUse):
            await self.store.change(Kind.IMAGE, other.id, linked("boot-images/a/manifest.json"))
        self.assertEqual(await self.store.get(Kind.IMAGE, other.id), other)
        recipe = Record(Kind.RECIPE, NOBODY, {"link": holder.document["link"]})
        await self.store.add(recipe)  # a link is of a kind
        await self.store.remove(Kind.IMAGE, holder.id)
        await self.store.change(Kind.IMAGE, other.id, linked("boot-images/a/manifest.json"))

    async def test_page(self: Any) -> None:
        records = [await self.store.add(image(f"{number}")) for number in range(5)]
        self.assertEqual(await self.listed(limit=2), ["0", "1"])
        self.assertEqual(await self.listed(limit=2, after=records[1].id), ["2", "3"])
        self.assertEqual(await self.listed(after=records[4].id), [])
        self.assertEqual(await self.listed(limit=0), [])
        for unknown in (NOBODY, "\0"):
            with self.assertRaises(UnknownPlace):
                await self.store.list_body(Kind.IMAGE, after=unknown)
        with self.assertRaises(UnknownPlace):
            await self.store.list_body(Kind.IMAGE, deleted=True, after=records[0].id)

    async def test_filters(self: Any) -> None:
        for name, arch in (("a", "x86_64"), ("b", "aarch64"), ("a", "aarch64"), ("%_", "x86_64")):
            inner = {"name": "a", "flag": "true"}
            await self.store.add(image(name, arch=arch, metadata=inner, flag=name == "a"))
        for filters, expected in (
            ({"name": "a"}, ["a", "a"]),
            ({"name": "A"}, []),
            ({"name": "%"}, []),
            ({"name": "%_"}, ["%_"]),
            ({"name": 'quoted "'}, []),
            ({"name": "\0"}, []),
            ({"arch": "aarch64"}, ["b", "a"]),
            ({"name": "a", "arch": "aarch64"}, ["a"]),
            ({"flag": True}, ["a", "a"]),
            ({"flag": "true"}, []),
            ({"link": None}, ["a", "b", "a", "%_"]),
            ({"unknown": "a"}, []),
        ):
            self.assertEqual(await self.listed(filters=filters), expected, filters)
        self.assertEqual(await self.listed(filters={"arch": "aarch64"}, limit=1), ["b"])

    async def test_answers(self: Any) -> None:
        await self.store.check()


class SqliteRecordTests(RecordTests, OnSqlite, StoreCase):
    """In SQLite."""


class PostgresqlRecordTests(RecordTests, OnPostgresql, StoreCase):
    """In PostgreSQL."""
