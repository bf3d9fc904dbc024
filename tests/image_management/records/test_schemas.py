"""What clients send: what is taken of it, what is said of the rest, and what records come of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.records.kinds import Kind
from image_management.records.record import (
    Record,
    deleted_document,
    document_text,
    live_document,
    read_document,
)
from image_management.records.schemas import (
    SCHEMAS,
    InvalidInput,
    new_record,
    patched,
    read_input,
    read_patch,
    read_record,
    read_undelete,
)
from tests.image_management.records.samples import (
    CREATED,
    ED25519,
    ID,
    LINK,
    OTHER_ID,
    SENT,
    good,
    json_values,
)
from tests.properties import given

MISSING = ["Missing data for required field."]
BLANK = ["Field may not be blank."]
NO_TEXT = ["Not a valid string."]
NO_UUID = ["Not a valid UUID."]
NO_BOOLEAN = ["Not a valid boolean."]
NO_INTEGER = ["Not a valid integer."]
UNKNOWN = ["Unknown field."]
NO_OBJECT = {"_schema": ["Invalid input type."]}
OUT_OF_RANGE = ["Must be greater than or equal to 1 and less than or equal to 1000000."]
NO_FILE_NAME = [
    "Not a file name: expected one without '/' and control characters, that does not begin with"
    " '-' or '.'."
]

NO_INTEGERS: tuple[Any, ...] = ("8G", "1_000", " 8", "٣", 8.5, True, [], "9" * 19)

WRONG: dict[Kind, tuple[tuple[dict[str, Any], dict[str, Any] | None], ...]] = {
    Kind.PUBLIC_KEY: (
        ({"name": ""}, {"name": BLANK}),
        ({"name": None}, {"name": ["Field may not be null."]}),
        ({"name": 5}, {"name": NO_TEXT}),
        ({"name": "a\0"}, {"name": ["NUL characters are not allowed."]}),
        (
            {"name": "a\ud800"},
            {"name": ["Not valid Unicode: there is half of a surrogate pair."]},
        ),
        ({"id": ID, "created": CREATED}, {"id": UNKNOWN, "created": UNKNOWN}),
        ({"public_key": ["a"]}, {"public_key": NO_TEXT}),
    ),
    Kind.RECIPE: (
        (
            {"recipe_type": "kiwi"},
            {"recipe_type": ["Recipe type must be one of: kiwi-ng, packer."]},
        ),
        (
            {"linux_distribution": "SLES 15"},
            {
                "linux_distribution": [
                    "Expected small letters, digits, '.' and '-', such as sles15."
                ]
            },
        ),
        ({"linux_distribution": "sles15\n"}, None),
        ({"arch": "arm"}, {"arch": ["Architecture must be one of: x86_64, aarch64."]}),
        ({"arch": None}, {"arch": ["Field may not be null."]}),
        ({"require_dkms": "maybe"}, {"require_dkms": NO_BOOLEAN}),
        ({"require_dkms": 2}, {"require_dkms": NO_BOOLEAN}),
        ({"link": "s3://a/b"}, {"link": NO_OBJECT}),
        ({"link": {}}, {"link": {"path": MISSING, "type": MISSING}}),
        (
            {"link": {**LINK, "type": "http", "size": 5}},
            {"link": {"type": ["Link type must be one of: s3."], "size": UNKNOWN}},
        ),
        (
            {"link": {**LINK, "path": "s3://a b/c"}},
            {
                "link": {
                    "path": [
                        "Not a valid S3 path: malformed bucket 'a b' in the path; expected letters,"
                        " digits, '.', '_' and '-', in s3://bucket/key."
                    ]
                }
            },
        ),
        ({"template_dictionary": "a=b"}, {"template_dictionary": ["Not a valid list."]}),
        (
            {"template_dictionary": [{"key": "a", "value": "b"}, {"key": "", "x": 1}, 5]},
            {
                "template_dictionary": {
                    "1": {"key": BLANK, "value": MISSING, "x": UNKNOWN},
                    "2": NO_OBJECT,
                }
            },
        ),
        ({"template_dictionary": {"a": 5}}, {"template_dictionary": {"0": {"value": NO_TEXT}}}),
    ),
    Kind.IMAGE: (
        ({"metadata": "a"}, {"metadata": ["Not a valid mapping type."]}),
        ({"metadata": {"a": 5}}, {"metadata": {"a": {"value": NO_TEXT}}}),
        ({"metadata": {"key": 5, "value": "b"}}, {"metadata": {"key": {"value": NO_TEXT}}}),
        ({"require_dkms": True}, {"require_dkms": UNKNOWN}),
    ),
    Kind.JOB: (
        ({"job_type": "build"}, {"job_type": ["Job type must be one of: create, customize."]}),
        ({"artifact_id": "x"}, {"artifact_id": NO_UUID}),
        ({"public_key_id": 5}, {"public_key_id": NO_UUID}),
        *(
            ({"image_root_archive_name": name}, {"image_root_archive_name": NO_FILE_NAME})
            for name in ("../../etc/shadow", "-rf", ".hidden", "..", "a\nb", "a\x7f", "a/b")
        ),
        ({"initrd_file_name": ""}, {"initrd_file_name": BLANK}),
        ({"kernel_file_name": "a" * 256}, {"kernel_file_name": ["Longer than 255 bytes."]}),
        (
            {"kernel_parameters_file_name": "é" * 128},
            {"kernel_parameters_file_name": ["Longer than 255 bytes."]},
        ),
        *(({"build_env_size": size}, {"build_env_size": NO_INTEGER}) for size in NO_INTEGERS),
        *(
            ({"job_mem_size": size}, {"job_mem_size": OUT_OF_RANGE})
            for size in (0, -1, "-1", 10**6 + 1, 10**5000)
        ),
        ({"ssh_containers": {}}, {"ssh_containers": ["Not a valid list."]}),
        (
            {"ssh_containers": [{"jail": 7, "host": "h"}]},
            {"ssh_containers": {"0": {"name": MISSING, "jail": NO_BOOLEAN, "host": UNKNOWN}}},
        ),
        ({"status": "success"}, {"status": UNKNOWN}),
    ),
    Kind.REMOTE_BUILD_NODE: tuple(
        (
            {"xname": name},
            {"xname": ["Not an xname: expected a host's name, such as x3000c0s19b0n0."]},
        )
        for name in ("", "a/b", "-x", "a b", "a\n", "é")
    ),
}
"""What is sent besides the least, and what is said of it; C{None}: something."""


def refused(kind: Kind, sent: object) -> Any:
    """What is said of something wrong."""
    try:
        read_input(kind, sent)
    except InvalidInput as error:
        json.dumps(error.errors)
        return error.errors
    raise AssertionError(f"accepted: {sent!r}")


def made(kind: Kind, **more: Any) -> Record:
    return new_record(kind, SENT[kind] | more, CREATED, ID)


class WrongInputTests(SynchronousTestCase):
    def test_wrong(self) -> None:
        for kind, cases in WRONG.items():
            for more, expected in cases:
                said = refused(kind, SENT[kind] | more)
                if expected is not None:
                    self.assertEqual(said, expected, more)

    def test_missing(self) -> None:
        for kind, sent in SENT.items():
            for name in sent:
                less = {each: value for each, value in sent.items() if each != name}
                self.assertEqual(refused(kind, less), {name: MISSING})

    def test_no_object(self) -> None:
        for kind in Kind:
            for sent in ([], ["name"], "name", 5, True):
                self.assertEqual(refused(kind, sent), NO_OBJECT)

    def test_path_of_all_nodes(self) -> None:
        self.assertIn("xname", refused(Kind.REMOTE_BUILD_NODE, {"xname": "status"}))

    def test_keys(self) -> None:
        [said] = refused(Kind.PUBLIC_KEY, {"name": "a", "public_key": f"no-pty {ED25519}"})[
            "public_key"
        ]
        self.assertIn("options before a key are refused", said)
        self.assertEqual(
            refused(Kind.PUBLIC_KEY, {"name": "a", "public_key": ""})["public_key"],
            [
                "Not an SSH public key: there is no SSH public key in it; expected lines such as:"
                " ssh-ed25519 AAAAC3Nza... comment."
            ],
        )

    @given(st.sampled_from(Kind), json_values)
    def test_anything_is_taken_or_refused(self, kind: Kind, value: Any) -> None:
        for name in SCHEMAS[kind].input.fields:
            for sent in (value, SENT[kind] | {name: value}):
                try:
                    record = new_record(kind, sent, CREATED)
                except InvalidInput as error:
                    json.dumps(error.errors)
                else:
                    self.assertEqual(read_document(document_text(record.document)), record.document)


class RecordTests(SynchronousTestCase):
    """The records that come of what is sent."""

    def test_least(self) -> None:
        for kind, expected in {
            Kind.PUBLIC_KEY: {"id": ID, "created": CREATED, **SENT[Kind.PUBLIC_KEY]},
            Kind.RECIPE: {
                "id": ID,
                "created": CREATED,
                "name": "r",
                "recipe_type": "kiwi-ng",
                "linux_distribution": "sles15",
                "link": None,
                "template_dictionary": [],
                "require_dkms": True,
                "arch": "x86_64",
            },
            Kind.IMAGE: {
                "id": ID,
                "created": CREATED,
                "name": "i",
                "link": None,
                "arch": "x86_64",
                "metadata": {},
            },
            Kind.REMOTE_BUILD_NODE: {"xname": "x3000c0s19b0n0"},
        }.items():
            record = made(kind)
            self.assertEqual(record.document, expected)
            self.assertEqual([*record.document], [*expected])
            self.assertIsNone(record.link)
            self.assertEqual(record.id, expected.get("id", "x3000c0s19b0n0"))

    def test_job(self) -> None:
        document = made(Kind.JOB).document
        self.assertEqual(
            document,
            {
                "id": ID,
                "created": CREATED,
                "job_type": "create",
                "status": "creating",
                "status_reason": "",
                "artifact_id": ID,
                "public_key_id": OTHER_ID,
                "image_root_archive_name": "mine",
                "resultant_image_id": None,
                "arch": "x86_64",
                "enable_debug": False,
                "require_dkms": False,
                "build_env_size": 60,
                "job_mem_size": 8,
                "kernel_file_name": "vmlinuz",
                "initrd_file_name": "initrd",
                "kernel_parameters_file_name": "kernel-parameters",
                "ssh_containers": [],
                "remote_build_node": "",
                **dict.fromkeys(
                    f"kubernetes_{what}"
                    for what in ("job", "service", "configmap", "pvc", "secret", "namespace")
                ),
                "backend": "",
            },
        )

    def test_ids_differ(self) -> None:
        one, other = (new_record(Kind.IMAGE, {"name": "a"}, CREATED) for _ in range(2))
        self.assertNotEqual(one.id, other.id)

    def test_leniency(self) -> None:
        for word, value in {"False": False, "0": False, 1: True, "YES": True, "off": False}.items():
            self.assertIs(made(Kind.RECIPE, require_dkms=word).document["require_dkms"], value)
        sizes: tuple[Any, ...] = ("8", 8, 8.0, "+8")
        for size in sizes:
            self.assertEqual(made(Kind.JOB, build_env_size=size).document["build_env_size"], 8)
        for pairs, meant in (
            ({"a": "b", "c": ""}, [{"key": "a", "value": "b"}, {"key": "c", "value": ""}]),
            ([{"key": "a", "value": "b"}], [{"key": "a", "value": "b"}]),
            (None, []),
            ({}, []),
        ):
            recipe = made(Kind.RECIPE, template_dictionary=pairs)
            self.assertEqual(recipe.document["template_dictionary"], meant)
        for texts, kept in (
            ({"key": "k", "value": "v"}, {"k": "v"}),
            ({"key": "k"}, {"key": "k"}),
            ({"a": "b", "": "é"}, {"a": "b", "": "é"}),
        ):
            self.assertEqual(made(Kind.IMAGE, metadata=texts).document["metadata"], kept)
        link = made(Kind.IMAGE, link={"type": "s3", "path": "s3://b//k"}).document["link"]
        self.assertEqual([*link.items()], [("path", "s3://b/k"), ("etag", ""), ("type", "s3")])
        self.assertIsNone(made(Kind.RECIPE, link=None).link)
        self.assertEqual(made(Kind.JOB, artifact_id=ID.upper()).document["artifact_id"], ID)
        self.assertEqual(made(Kind.JOB, ssh_containers=None).document["ssh_containers"], [])

    def test_input_has_only_what_was_sent(self) -> None:
        for kind, sent in SENT.items():
            self.assertEqual(read_input(kind, sent), sent)

    @given(st.sampled_from(Kind).flatmap(lambda kind: st.tuples(st.just(kind), good[kind])))
    def test_good_input(self, sent: tuple[Kind, dict[str, Any]]) -> None:
        kind, members = sent
        record = new_record(kind, members, CREATED, ID)
        self.assertEqual([*record.document], [*SCHEMAS[kind].document.fields])
        self.assertEqual(read_document(document_text(record.document)), record.document)
        self.assertEqual(read_record(kind, record.document), record)


class PatchTests(SynchronousTestCase):
    def refused(self, kind: Kind, sent: object) -> Any:
        with self.assertRaises(InvalidInput) as caught:
            read_patch(kind, sent)
        return caught.exception.errors

    def test_recipe(self) -> None:
        change = read_patch(
            Kind.RECIPE,
            {"arch": "aarch64", "require_dkms": "no", "template_dictionary": {"a": "b"}},
        )
        before = made(Kind.RECIPE)
        after = patched(before, change)
        expected = {
            "arch": "aarch64",
            "require_dkms": False,
            "template_dictionary": [{"key": "a", "value": "b"}],
        }
        self.assertEqual(after, {**before.document, **expected})
        self.assertEqual([*after], [*before.document])
        self.assertEqual(before.document["arch"], "x86_64")
        self.assertEqual(
            read_patch(Kind.RECIPE, {"template_dictionary": None}), {"template_dictionary": []}
        )

    def test_link_is_left_to_others(self) -> None:
        change = read_patch(Kind.IMAGE, {"link": {"path": "s3://b/k", "type": "s3"}})
        self.assertEqual(change["link"], {"path": "s3://b/k", "etag": "", "type": "s3"})
        record = made(Kind.IMAGE)
        self.assertEqual(patched(record, change), record.document)

    def test_metadata(self) -> None:
        record = made(Kind.IMAGE, metadata={"a": "1", "b": "2"})
        for sent, metadata in (
            ({"operation": "set", "key": "a", "value": "3"}, {"a": "3", "b": "2"}),
            ({"operation": "set", "key": "c"}, {"a": "1", "b": "2", "c": ""}),
            ({"operation": "remove", "key": "a"}, {"b": "2"}),
            ({"operation": "remove", "key": "a", "value": "other"}, {"b": "2"}),
            ({"operation": "remove", "key": "gone"}, {"a": "1", "b": "2"}),
        ):
            after = patched(record, read_patch(Kind.IMAGE, {"metadata": sent}))
            self.assertEqual(after["metadata"], metadata)
        self.assertEqual(record.document["metadata"], {"a": "1", "b": "2"})

    def test_job(self) -> None:
        change = read_patch(Kind.JOB, {"status": "success", "resultant_image_id": OTHER_ID})
        after = patched(made(Kind.JOB), change)
        self.assertEqual((after["status"], after["resultant_image_id"]), ("success", OTHER_ID))

    def test_wrong(self) -> None:
        for kind, sent, expected in (
            (Kind.RECIPE, {"name": "b"}, {"name": UNKNOWN}),
            (Kind.RECIPE, {"link": None}, {"link": ["Field may not be null."]}),
            (
                Kind.IMAGE,
                {"arch": "x"},
                {"arch": ["Architecture must be one of: x86_64, aarch64."]},
            ),
            (
                Kind.IMAGE,
                {"metadata": {"operation": "add", "key": ""}},
                {
                    "metadata": {
                        "operation": ["Operation must be one of: set, remove."],
                        "key": BLANK,
                    }
                },
            ),
            (Kind.IMAGE, {"metadata": {"a": "b"}}, None),
            (Kind.IMAGE, {"metadata": []}, {"metadata": NO_OBJECT}),
            (Kind.JOB, {"status": "done"}, None),
            (Kind.JOB, {"resultant_image_id": "x"}, {"resultant_image_id": NO_UUID}),
            (Kind.JOB, [5], NO_OBJECT),
        ):
            said = self.refused(kind, sent)
            if expected is not None:
                self.assertEqual(said, expected)

    def test_kinds_that_cannot_be_changed(self) -> None:
        for kind in (Kind.PUBLIC_KEY, Kind.REMOTE_BUILD_NODE):
            with self.assertRaises(ValueError):
                read_patch(kind, {"name": "b"})

    def test_undelete(self) -> None:
        read_undelete({"operation": "undelete"})
        for sent, expected in (
            ({"operation": "delete"}, {"operation": ["Operation must be one of: undelete."]}),
            ({"operation": 5}, {"operation": NO_TEXT}),
            ({"other": 5}, {"operation": MISSING, "other": UNKNOWN}),
            ("undelete", NO_OBJECT),
        ):
            with self.assertRaises(InvalidInput) as caught:
                read_undelete(sent)
            self.assertEqual(caught.exception.errors, expected)


class DeletedTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        document = made(Kind.IMAGE).document
        deleted = deleted_document(document, CREATED)
        self.assertEqual(deleted, {**document, "deleted": CREATED})
        self.assertEqual(live_document(deleted), document)
        self.assertEqual(read_record(Kind.IMAGE, deleted, deleted=True).document, deleted)

    def test_document_texts(self) -> None:
        for text in ("", "[]", "nope", '{"a": ', "[" * 10000, '"\\ud800"'):
            with self.assertRaises(ValueError):
                read_document(text)
