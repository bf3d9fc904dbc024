"""The files of Cray's service."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.records.interchange import (
    COLLECTIONS,
    BadFile,
    elements_text,
    file_names,
    read_elements,
)
from image_management.records.kinds import Kind
from image_management.records.record import (
    Record,
    deleted_document,
    document_text,
    read_document,
)
from image_management.records.schemas import SCHEMAS, make_record, new_record
from tests.image_management.records.samples import (
    CREATED,
    ID,
    LINK,
    OTHER_ID,
    SENT,
    good,
    json_values,
)
from tests.properties import given


def read(kind: Kind, *elements: Any, deleted: bool = False) -> tuple[Record, ...]:
    return read_elements(kind, json.dumps(elements).encode(), deleted=deleted).records


class FileNameTests(SynchronousTestCase):
    def test_newest_first(self) -> None:
        newest = {file_names(kind, deleted=deleted)[0] for kind, deleted in COLLECTIONS}
        self.assertEqual(
            newest,
            {
                "v2_public_keys.json",
                "v3_deleted_public_keys.json",
                "v2.2_recipes.json",
                "v3.2_deleted_recipes.json",
                "v2.1_images.json",
                "v3.1_deleted_images.json",
                "v2.4_jobs.json",
                "v2.0_remote_build_nodes.json",
            },
        )
        for name, (kind, deleted) in {
            "v2_images.json": (Kind.IMAGE, False),
            "v2.1_recipes.json": (Kind.RECIPE, False),
            "v2.2_jobs.json": (Kind.JOB, False),
            "v3_deleted_images.json": (Kind.IMAGE, True),
        }.items():
            self.assertIn(name, file_names(kind, deleted=deleted)[1:])


class ReadingTests(SynchronousTestCase):
    """What older releases have written."""

    def test_old_recipe(self) -> None:
        [record] = read(
            Kind.RECIPE,
            {
                "id": ID,
                "created": "2019-11-27T07:33:00.123456",
                "name": "r",
                "recipe_type": "kiwi-ng",
                "linux_distribution": "sles15",
                "link": False,
                "template_dictionary": None,
                "other": 1,
            },
        )
        self.assertEqual(
            record.document,
            {
                "id": ID,
                "created": "2019-11-27T07:33:00.123456+00:00",
                "name": "r",
                "recipe_type": "kiwi-ng",
                "linux_distribution": "sles15",
                "link": None,
                "template_dictionary": [],
                "require_dkms": True,
                "arch": "x86_64",
            },
        )

    def test_old_image(self) -> None:
        [record] = read(
            Kind.IMAGE,
            {"id": ID, "name": "i", "link": {"path": LINK["path"], "etag": None, "x": 1}},
        )
        self.assertEqual(record.document["link"], {**LINK, "etag": ""})
        self.assertEqual(record.document["created"], "1970-01-01T00:00:00+00:00")
        self.assertEqual((record.document["arch"], record.document["metadata"]), ("x86_64", {}))

    def test_times(self) -> None:
        for text, time in (
            ("2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
            ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
        ):
            [record] = read(
                Kind.IMAGE, {"id": ID, "name": "i", "created": text, "deleted": text}, deleted=True
            )
            self.assertEqual([record.document[name] for name in ("created", "deleted")], [time] * 2)

    def test_deleted(self) -> None:
        element = {"id": ID, "name": "i", "deleted": CREATED}
        [live], [deleted] = read(Kind.IMAGE, element), read(Kind.IMAGE, element, deleted=True)
        self.assertNotIn("deleted", live.document)
        self.assertEqual((live.deleted, deleted.deleted), (False, True))

    def test_old_containers(self) -> None:
        old = {"name": "customize", "jail": True, "status": None, "host": "h", "port": 2022}
        new = {
            "name": "debug",
            "connection_info": {"cluster.local": {"host": "c", "port": "22"}},
            "host": "ignored",
        }
        [record] = read(
            Kind.JOB, SENT[Kind.JOB] | {"id": ID, "ssh_containers": [old, new, {"name": "bare"}]}
        )
        self.assertEqual(
            record.document["ssh_containers"],
            [
                {
                    "name": "customize",
                    "jail": True,
                    "status": "pending",
                    "connection_info": {"customer_access": {"host": "h", "port": 2022}},
                },
                {
                    "name": "debug",
                    "jail": False,
                    "status": "pending",
                    "connection_info": {"cluster.local": {"host": "c", "port": 22}},
                },
                {"name": "bare", "jail": False, "status": "pending", "connection_info": {}},
            ],
        )

    def test_what_is_not_taken_of_clients(self) -> None:
        """Nobody can change what is in such a file already."""
        [key] = read(Kind.PUBLIC_KEY, {"id": ID, "name": "", "public_key": "any thing"})
        self.assertEqual(key.document["public_key"], "any thing")
        [job] = read(Kind.JOB, SENT[Kind.JOB] | {"id": ID, "image_root_archive_name": "a/../b"})
        self.assertEqual(job.document["image_root_archive_name"], "a/../b")

    def test_unknown_members_are_counted(self) -> None:
        found = read_elements(
            Kind.IMAGE,
            json.dumps(
                [
                    {"id": ID, "name": "a", "x": 1, "deleted": CREATED},
                    {"id": OTHER_ID, "name": "b", "x": 2, "y": 3},
                ]
            ).encode(),
            deleted=True,
        )
        self.assertEqual(found.unknown, {"x": 2, "y": 1})

    def test_byte_order_mark(self) -> None:
        self.assertEqual(read_elements(Kind.IMAGE, b"\xef\xbb\xbf[]", deleted=False).records, ())

    def test_damaged(self) -> None:
        sound: dict[str, Any] = {"id": ID, "name": "i"}
        for elements, expected in (
            (
                [sound, {"id": OTHER_ID}],
                f"element 2 ('{OTHER_ID}'): name: Missing data for required",
            ),
            ([5], "element 1: _schema: Invalid input type."),
            ([{"name": "a"}], "element 1: id: Missing data for required field."),
            ([sound, sound], f"element 2 ('{ID}'): another element has this id"),
            ([{**sound, "link": {"path": "x"}}], "link.path: Not a valid S3 path: "),
            ([{**sound, "created": "yesterday"}], "created: Not a valid datetime."),
            ([{**sound, "created": "0001-01-01T00:00:00+23:59"}], "created: Not a valid datetime."),
        ):
            with self.assertRaises(BadFile) as caught:
                read(Kind.IMAGE, *elements)
            self.assertIn(expected, str(caught.exception))
        for data in (b"", b"{}", b"[{", b"\xff", b"null", b"[" * 100_000, b'["\\ud800"]'):
            with self.assertRaises(BadFile) as caught:
                read_elements(Kind.IMAGE, data, deleted=False)
            self.assertIn("no JSON array", str(caught.exception))


class AnythingTests(SynchronousTestCase):
    """Whatever is in a file, it is read or refused, and what is read can be stored."""

    @given(st.sampled_from(COLLECTIONS), st.data())
    def test_elements(self, collection: tuple[Kind, bool], data: st.DataObject) -> None:
        kind, deleted = collection
        element = SENT[kind] | {"id": ID}
        name = data.draw(st.sampled_from([*SCHEMAS[kind].document.fields, "deleted", "other"]))
        element[name] = data.draw(json_values)
        for elements in ([element], element[name], [element[name]]):
            try:
                found = read_elements(kind, json.dumps(elements).encode(), deleted=deleted)
            except BadFile:
                continue
            for record in found.records:
                self.assertEqual(read_document(document_text(record.document)), record.document)

    @given(st.binary())
    def test_bytes(self, data: bytes) -> None:
        for content in (data, b"[" + data + b"]"):
            try:
                read_elements(Kind.IMAGE, content, deleted=False)
            except BadFile:
                continue


class RoundTripTests(SynchronousTestCase):
    """What is written is read as it was."""

    def test_what_is_ours(self) -> None:
        job = make_record(Kind.JOB, SENT[Kind.JOB], CREATED, ID)
        ours = {"status_reason": "disk", "backend": "local"}
        with_ours = Record(job.kind, job.id, {**job.document, **ours})
        [element] = json.loads(elements_text([with_ours]))
        self.assertEqual(element, {k: v for k, v in job.document.items() if k not in ours})

    def test_nothing(self) -> None:
        self.assertEqual(elements_text([]), "[]\n")

    @given(
        st.sampled_from(COLLECTIONS).flatmap(
            lambda one: st.tuples(
                st.just(one), st.lists(st.tuples(st.uuids().map(str), good[one[0]]), max_size=4)
            )
        )
    )
    def test_there_and_back(
        self, drawn: tuple[tuple[Kind, bool], list[tuple[str, dict[str, Any]]]]
    ) -> None:
        (kind, deleted), sent = drawn
        records = {}
        for id, members in sent:
            record = new_record(kind, members, CREATED, id)
            if deleted:
                gone = deleted_document(record.document, CREATED)
                record = Record(kind, record.id, gone, deleted=True)
            records[record.id] = record
        text = elements_text(records.values())
        found = read_elements(kind, text.encode(), deleted=deleted)
        self.assertEqual(found.records, tuple(records.values()))
        self.assertEqual(found.unknown, {})
