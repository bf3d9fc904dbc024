"""The files of Cray's service, read into a store by the command and at a first start, and back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from image_management.command_line import ExportOptions, ImportOptions, InterchangeOptions
from image_management.records.interchange import COLLECTIONS
from image_management.records.kinds import Kind
from image_management.store.cray_files import BadFolder
from image_management.store.errors import LinkInUse, StoreRefused, StoreUnavailable
from image_management.store.journal import Action, Operation
from image_management.store.opening import make_database
from image_management.store.store import Store
from image_management.values import VERSION_TEXT
from tests.image_management.store.case import (
    CREATED,
    OnPostgresql,
    OnSqlite,
    StoreCase,
    image,
)
from tests.running import base_environment

_IDS = [f"{number:08}-0000-4000-8000-000000000000" for number in range(20)]

IMAGES: list[dict[str, Any]] = [
    {"id": _IDS[0], "name": "b", "created": "2020-01-01T00:00:00.5", "link": False},
    {
        "id": _IDS[1],
        "name": "a",
        "created": CREATED,
        "link": {"path": "s3://boot-images/a/manifest.json", "etag": "e", "type": "s3"},
        "arch": "aarch64",
        "metadata": {"key": "value"},
        "of_another_release": 1,
    },
]
GONE = {
    "id": _IDS[2],
    "name": "gone",
    "created": CREATED,
    "deleted": CREATED,
    "link": {"path": "s3://boot-images/deleted/g/deleted_manifest.json", "etag": "e", "type": "s3"},
}
RECIPE = {
    "id": _IDS[3],
    "name": "recipe",
    "created": CREATED,
    "recipe_type": "kiwi-ng",
    "linux_distribution": "sles15",
    "template_dictionary": None,
    "link": {"path": "s3://ims/recipes/r.tgz", "etag": "", "type": "s3"},
}
KEY = {"id": _IDS[4], "name": "key", "created": CREATED, "public_key": "anything"}
NODE = {"xname": "x3000c0s1b0n0"}

FILES: dict[str, object] = {
    "v2.1_images.json": IMAGES,
    "v2_images.json": [],
    "v3.1_deleted_images.json": [GONE],
    "v2.1_recipes.json": [RECIPE],
    "v2_public_keys.json": [KEY],
    "v2.0_remote_build_nodes.json": [NODE],
}


class InterchangeCase(StoreCase):
    """A folder of files, and the command."""

    def setUp(self) -> None:
        super().setUp()
        self.cray = self.folder.with_name(f"{self.folder.name}-cray")
        self.write(self.cray)

    def write(self, folder: Path, **files: object) -> None:
        """Put the files into a folder; those that are given, with C{__} for dots, instead."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in FILES.items():
            (folder / name).write_text(json.dumps(content))
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (folder / f"{name.replace('__', '.')}.json").write_text(text)

    def run_command(
        self, kind: type[InterchangeOptions], folder: Path, url: str | None = None
    ) -> list[str]:
        """Run one of the commands; its report."""
        settings = {"IMS_DATA_DIR": str(self.folder), "DATABASE_URL": url or self.url or ""}
        options = kind(settings)
        options.parseOptions([str(folder)])
        return [*options.run()]

    async def contents(self, store: Store | None = None) -> dict[str, Any]:
        """All collections that have anything, as the API shows them."""
        store = store or self.open_store()
        found = {
            f"{'deleted ' if deleted else ''}{kind}": json.loads(
                await store.list_body(kind, deleted=deleted)
            )
            for kind, deleted in COLLECTIONS
        }
        await self.close(store)
        return {name: elements for name, elements in found.items() if elements}


class InterchangeTests:
    """With every database."""

    async def test_import(self: Any) -> None:
        report = self.run_command(ImportOptions, self.cray)
        self.assertEqual(
            report,
            [
                "v2_public_keys.json: 1 records: 1 added, 0 replaced, 0 unchanged",
                "v2.1_recipes.json: 1 records: 1 added, 0 replaced, 0 unchanged",
                "v2.1_images.json: 2 records: 2 added, 0 replaced, 0 unchanged",
                "v2_images.json: skipped: v2.1_images.json is newer",
                "v2.1_images.json: left out: of_another_release, which is unknown, of 1 records",
                "v2.0_remote_build_nodes.json: 1 records: 1 added, 0 replaced, 0 unchanged",
                "v3.1_deleted_images.json: 1 records: 1 added, 0 replaced, 0 unchanged",
                "v2.4_jobs.json: skipped: it is not there",
                "v3_deleted_public_keys.json: skipped: it is not there",
                "v3.2_deleted_recipes.json: skipped: it is not there",
                f"imported: 6 records from {self.cray}",
            ],
        )
        found = await self.contents()
        ids = {name: [element.get("id") for element in found[name]] for name in found}
        self.assertEqual(
            ids,
            {
                "images": _IDS[:2],
                "deleted images": [_IDS[2]],
                "recipes": [_IDS[3]],
                "public-keys": [_IDS[4]],
                "remote-build-nodes": [None],
            },
        )
        self.assertEqual(found["images"][0]["link"], None)
        self.assertEqual(found["images"][0]["arch"], "x86_64")
        self.assertNotIn("of_another_release", found["images"][1])

    async def test_links_of_imported_records_are_used(self: Any) -> None:
        self.run_command(ImportOptions, self.cray)
        store = self.open_store()
        with self.assertRaises(LinkInUse):
            await store.add(image(link="boot-images/a/manifest.json"))

    async def test_import_again(self: Any) -> None:
        """What is there is replaced, in its place; what is not in the files stays."""
        self.run_command(ImportOptions, self.cray)
        store = self.open_store()
        added = await store.add(image("added"))
        await self.close(store)
        before = await self.contents()
        changed = {**IMAGES[0], "name": "changed"}
        self.write(self.cray, v2__1_images=[IMAGES[1], changed])
        report = self.run_command(ImportOptions, self.cray)
        self.assertIn("v2.1_images.json: 2 records: 0 added, 1 replaced, 1 unchanged", report)
        before["images"][0]["name"] = "changed"
        self.assertEqual(before["images"][2]["id"], added.id)
        self.assertEqual(await self.contents(), before)

    async def test_there_and_back(self: Any) -> None:
        """What is exported and imported elsewhere is the same, in the same order."""
        self.run_command(ImportOptions, self.cray)
        store = self.open_store()
        for number in (3, 1, 2):
            await store.add(image(f"{number}", link=f"boot-images/{number}"))
        await store.change(Kind.IMAGE, _IDS[0], lambda old: {**old.document, "metadata": {"a": ""}})
        await self.close(store)
        expected = await self.contents()
        exported = self.folder.with_name(f"{self.folder.name}-exported")
        report = self.run_command(ExportOptions, exported)
        self.assertIn("v2.1_images.json: 5 records", report)
        self.assertEqual(report[-1], f"exported: 9 records to {exported}")
        self.assertEqual(len([*exported.iterdir()]), len(COLLECTIONS))
        self.assertEqual((exported / "v2.4_jobs.json").read_text(), "[]\n")
        self.move_on()
        self.run_command(ImportOptions, exported)
        self.assertEqual(await self.contents(), expected)

    async def test_damaged(self: Any) -> None:
        """It says where, and nothing is changed."""
        self.run_command(ImportOptions, self.cray)
        before = await self.contents()
        new = {"id": _IDS[9], "name": "new", "created": CREATED}
        for files, expected in (
            ({"v2__1_images": "[{"}, r"v2\.1_images\.json: no JSON array"),
            ({"v2__1_images": {}}, r"v2\.1_images\.json: no JSON array"),
            (
                {"v2__1_images": [new, {**new, "id": _IDS[10], "name": 1}]},
                rf"v2\.1_images\.json: element 2 \('{_IDS[10]}'\): name: ",
            ),
            ({"v2__1_images": [new, "text"]}, r"v2\.1_images\.json: element 2: "),
            ({"v2__1_images": [new, new]}, rf"element 2 \('{_IDS[9]}'\): .* has this id"),
            (
                {"v2__1_images": [new], "v3__1_deleted_images": [{**new, "deleted": CREATED}]},
                rf"v3\.1_deleted_images\.json: element 1 \({_IDS[9]}\): the same id as in .*"
                rf"v2\.1_images\.json: element 1 \({_IDS[9]}\)",
            ),
            (
                {"v2__1_images": [*IMAGES, {**new, "link": IMAGES[1]["link"]}]},
                rf"element 3 \({_IDS[9]}\): link: s3://boot-images/a/manifest.json is the link of "
                r".*v2\.1_images\.json: element 2 ",
            ),
            (
                {"v2__1_images": [{**new, "link": IMAGES[1]["link"]}]},
                rf"element 1 \({_IDS[9]}\): link: .* is the link of image {_IDS[1]} of the store",
            ),
        ):
            self.write(self.cray, v2_public_keys=[{**KEY, "id": _IDS[8]}], **files)
            with self.assertRaisesRegex(BadFolder, expected):
                self.run_command(ImportOptions, self.cray)
            self.assertEqual(await self.contents(), before)

    async def test_no_files(self: Any) -> None:
        empty = Path(self.mktemp())
        empty.mkdir()
        for folder in (empty, empty / "none"):
            with self.assertRaisesRegex(BadFolder, "no files .* such as v2.1_images.json"):
                self.run_command(ImportOptions, folder)

    async def test_no_room_for_the_files(self: Any) -> None:
        """The files that are there stay as they are."""
        self.run_command(ImportOptions, self.cray)
        target = Path(self.mktemp())
        (target / "v2.0_remote_build_nodes.json").mkdir(parents=True)
        (target / ".v2.4_jobs.json.part").mkdir()
        (target / "v2_public_keys.json").write_text("before")
        with self.assertRaisesRegex(BadFolder, r"v2\.4_jobs\.json\.part: Is a directory"):
            self.run_command(ExportOptions, target)
        self.assertEqual((target / "v2_public_keys.json").read_text(), "before")
        self.assertEqual([path for path in target.iterdir() if path.is_file()][1:], [])

    async def test_operation_under_way(self: Any) -> None:
        self.run_command(ImportOptions, self.cray)
        store = self.open_store()
        await store.begin(Operation(Kind.IMAGE, _IDS[0], Action.HARD_DELETE))
        await self.close(store)
        with self.assertRaisesRegex(StoreRefused, f"a hard-delete of image {_IDS[0]} is under way"):
            self.run_command(ImportOptions, self.cray)
        report = self.run_command(ExportOptions, Path(self.mktemp()))
        self.assertIn(f"unfinished: images {_IDS[0]} is being moved or deleted", report[-2])

    async def test_while_a_service_has_the_store(self: Any) -> None:
        store = self.open_store()
        for kind in (ImportOptions, ExportOptions):
            with self.assertRaisesRegex(StoreRefused, self.in_use):
                self.run_command(kind, self.cray)
        self.assertEqual(await self.contents(store), {})
        self.run_command(ImportOptions, self.cray)

    async def test_nothing_to_export(self: Any) -> None:
        with self.assertRaisesRegex(StoreRefused, "there is no store yet"):
            self.run_command(ExportOptions, Path(self.mktemp()))


class SqliteInterchangeTests(InterchangeTests, OnSqlite, InterchangeCase):
    """With SQLite."""

    in_use = "is in use by another process"

    def move_on(self) -> None:
        """To a store elsewhere."""
        self.folder = self.folder.with_name(f"{self.folder.name}-other")

    async def test_first_start(self) -> None:
        """Cray's files are taken over once, and left as they are."""
        self.write(self.folder)
        before = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        store = self.open_store()
        await store.remove(Kind.IMAGE, _IDS[0])
        await self.close(store)
        found = await self.contents()
        self.assertEqual([element["id"] for element in found["images"]], [_IDS[1]])
        self.assertEqual(len(found), 5)
        after = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.assertEqual(after | before, after)

    async def test_first_start_with_a_damaged_file(self) -> None:
        """It does not start before it has all; then it starts as if nothing had been."""
        self.write(self.folder, v2__1_images=[{"id": 1}])
        with self.assertRaisesRegex(StoreRefused, r"v2\.1_images\.json: element 1: id"):
            self.make_store().startService()
        self.write(self.folder)
        self.assertEqual(len((await self.contents())["images"]), 2)

    async def test_first_start_after_failed_commands(self) -> None:
        """They have not made a database, which would keep the files from being taken over."""
        self.write(self.folder)
        self.write(self.cray, v2__1_images=[{**IMAGES[1], "id": _IDS[9]}, IMAGES[1]])
        for kind, error in ((ImportOptions, BadFolder), (ExportOptions, StoreRefused)):
            with self.assertRaises(error):
                self.run_command(kind, self.cray)
        self.assertEqual(len((await self.contents())["images"]), 2)

    async def test_process(self) -> None:
        """Its exit status says how it went."""
        for arguments, settings, status, output, errors in (
            (["import", str(self.cray)], {}, 0, "imported: 6 records", ""),
            (["export", "out"], {"IMS_DATA_DIR": str(self.cray)}, 1, "", "there is no store yet"),
            (["export"], {}, 2, "", "expected one directory"),
            (["import", "x"], {"DATABASE_URL": "mysql://u:p@h/d"}, 2, "", "DATABASE_URL"),
            ([], {}, 2, "", "no command; expected"),
            (["--version"], {}, 0, VERSION_TEXT, ""),
            (["import", "--help"], {}, 0, "Usage: image-management import", ""),
        ):
            done = await getProcessOutputAndValue(
                sys.executable,
                ["-c", "from image_management.command_line import main; main()", *arguments],
                base_environment() | {"IMS_DATA_DIR": str(self.folder)} | settings,
                str(self.cray),
            )
            found = (done[0].decode(), done[1].decode(), done[2])
            self.assertEqual(found[2], status, found)
            self.assertIn(output, found[0])
            self.assertIn(errors, found[1])
            self.assertNotIn("Traceback", found[1])


class PostgresqlInterchangeTests(InterchangeTests, OnPostgresql, InterchangeCase):
    """With PostgreSQL."""

    in_use = "a service is using the database"

    def move_on(self) -> None:
        """To a store elsewhere."""
        self.url = self.database_url()

    async def test_services_wait_for_an_import(self) -> None:
        store = self.open_store()
        await self.close(store)
        assert self.url is not None
        database = make_database(self.folder, self.url, exclusive=True)
        database.open()
        self.addCleanup(database.close)
        store = self.open_store()
        with self.assertRaisesRegex(StoreUnavailable, "is being imported to or exported from"):
            await store.check()
        database.close()
        await store.check()
