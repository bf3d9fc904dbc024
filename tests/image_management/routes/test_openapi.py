"""The OpenAPI document says what the table of routes has, no more and no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from image_management.records.kinds import SOFT_DELETED, Kind
from image_management.records.record import deleted_document
from image_management.records.schemas import SCHEMAS, InvalidInput, new_record, read_input
from image_management.routes.openapi import openapi_document
from image_management.routes.operations import NAMES, operations
from tests.image_management.records.samples import CREATED, ID, LINK, SENT, good
from tests.image_management.service import ServiceTestCase
from tests.properties import given

METHODS = ("get", "head", "post", "patch", "delete")


def rows() -> dict[str, list[bytes]]:
    """A table of routes with all that is described."""
    table: dict[str, list[bytes]] = {}
    for one in operations():
        methods = table.setdefault(one.path, [b"OPTIONS"])
        methods += [b"GET", b"HEAD"] if one.method == "GET" else [one.method.encode()]
    return table


DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi_document(rows().items(), "/apis/ims")))


def described(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation, with its path and its method."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def schema(name: str) -> OAS31Validator:
    """What says whether something is as a schema says."""
    return OAS31Validator(
        {
            "$ref": f"#/components/schemas/{name}",
            "components": DOCUMENT["components"],
        }
    )


class DocumentTests(SynchronousTestCase):
    """The document by itself."""

    def test_valid(self) -> None:
        validate(DOCUMENT)

    def test_every_reference_leads_somewhere(self) -> None:
        for reference in re.findall(r'"#/([^"]+)"', json.dumps(DOCUMENT)):
            found: Any = DOCUMENT
            for part in reference.split("/"):
                found = found[part]

    def test_every_component_is_used(self) -> None:
        text = json.dumps(DOCUMENT)
        for kind in ("schemas", "parameters", "responses", "headers"):
            for name in DOCUMENT["components"][kind]:
                self.assertIn(f'"#/components/{kind}/{name}"', text)

    def test_nothing_is_described_twice(self) -> None:
        found = [(one.method, one.path) for one in operations()]
        self.assertEqual(len(found), len(set(found)))
        ids = [one["operationId"] for _, _, one in described(DOCUMENT)]
        self.assertEqual(len(ids), len(set(ids)))

    def test_a_row_that_is_not_described(self) -> None:
        for row in (("/other", [b"GET"]), ("/version", [b"POST"])):
            with self.assertRaises(KeyError):
                openapi_document([row])

    def test_everything_is_explained(self) -> None:
        for path, method, one in described(DOCUMENT):
            self.assertTrue(one["summary"], (path, method))
            self.assertIn(one["tags"][0], {tag["name"] for tag in DOCUMENT["tags"]})
        for name, described_schema in DOCUMENT["components"]["schemas"].items():
            for member, told in described_schema.get("properties", {}).items():
                named = {"$ref", "anyOf", "const", "required", "minimum"} & told.keys()
                self.assertTrue(told.get("description") or named, (name, member))

    def test_path_parameters(self) -> None:
        for path, item in DOCUMENT["paths"].items():
            given = [one["$ref"].rpartition("/")[2] for one in item.get("parameters", ())]
            self.assertEqual(given, re.findall(r"{(\w+)}", path))

    def test_servers(self) -> None:
        self.assertEqual(DOCUMENT["servers"], [{"url": "/"}, {"url": "/apis/ims"}])
        self.assertEqual(openapi_document([])["servers"], [{"url": "/"}])


class SchemaTests(SynchronousTestCase):
    """The schemas say of values what the service does with them."""

    @given(st.sampled_from(Kind).flatmap(lambda kind: st.tuples(st.just(kind), good[kind])))
    def test_records(self, sent: tuple[Kind, dict[str, Any]]) -> None:
        kind, members = sent
        document = new_record(kind, members, CREATED, ID).document
        schema(NAMES[kind]).validate(document)
        if kind in SOFT_DELETED:
            schema(f"Deleted{NAMES[kind]}").validate(deleted_document(document, CREATED))
        for name in document:
            less = {each: value for each, value in document.items() if each != name}
            self.assertFalse(schema(NAMES[kind]).is_valid(less), name)

    def test_what_is_refused(self) -> None:
        """Of what has one wrong member."""
        wrong: tuple[Any, ...] = (
            None,
            5,
            "",
            "a\nb",
            [],
            [5],
            {"x": 5},
            {**LINK, "type": "http"},
            True,
            -1,
            1.5,
        )
        for kind in Kind:
            validator = schema(f"{NAMES[kind]}Input")
            validator.validate(SENT[kind])
            self.assertFalse(validator.is_valid(SENT[kind] | {"id": ID}))
            for name in SCHEMAS[kind].input.fields:
                for value in wrong:
                    sent = SENT[kind] | {name: value}
                    if validator.is_valid(sent):
                        self.assertTrue(self.taken(kind, sent) or self.is_finer(name), sent)

    def is_finer(self, name: str) -> bool:
        """Whether a member has rules that JSON Schema has no words for."""
        return name.endswith("_id") or name in {"public_key", "xname"}

    def taken(self, kind: Kind, sent: dict[str, Any]) -> bool:
        try:
            read_input(kind, sent)
        except InvalidInput:
            return False
        return True

    def test_examples(self) -> None:
        for kind in Kind:
            name = f"{NAMES[kind]}Input"
            for member, told in DOCUMENT["components"]["schemas"][name]["properties"].items():
                if "example" in told:
                    read_input(kind, SENT[kind] | {member: told["example"]})


class ServedTests(ServiceTestCase):
    """The document as it is served."""

    async def test_all_routes(self) -> None:
        ims = await self.start({"IMS_PATH_PREFIX": "/apis/ims"})
        document = await ims.get("/openapi.json")
        self.assertEqual(document, DOCUMENT)
        self.assertEqual(await ims.get("/apis/ims/openapi.json"), document)
        for path, item in document["paths"].items():
            url = re.sub(r"{\w+}", ID, path)
            options = await ims.ask("OPTIONS", url)
            allowed = {one.lower() for one in (options.header("allow") or "").split(", ")}
            self.assertEqual(allowed - {"options"}, item.keys() & {*METHODS}, path)
