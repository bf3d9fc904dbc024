"""
The OpenAPI document (https://spec.openapis.org/oas/v3.1.1): the table of routes, described, with
the schemas that what is sent is checked by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from httpd.statuses import PHRASES
from httpd.web.answered import Reply
from httpd.web.problems import PROBLEM_JSON
from httpd.web.request import ServiceRequest
from image_management import __version__
from image_management.records import documents
from image_management.records.inputs import Undelete
from image_management.records.kinds import SOFT_DELETED, Kind
from image_management.records.schemas import SCHEMAS
from image_management.routes import openapi_components as components
from image_management.routes.operation import Operation, reference, scope_of
from image_management.routes.operations import NAMES, operations
from image_management.routes.query import COMPARED

_ALWAYS = (400, 500, 503)
"""Statuses of answers that any operation may have."""

_ASKED_FOR_TOKENS = (401, 403)

_DESCRIPTION = """\
Records of recipes, images, public keys, jobs and remote build nodes, and their artifacts in S3.

Paths without a version and /v2 are the same: what is deleted there is gone. In /v3 it goes to
/v3/deleted and can be brought back. All are views of the same records.

Booleans may be sent as words and digits, too ("True", "no", 1), and integers as decimal text.
Unknown query parameters are ignored, but where jobs are deleted. OPTIONS of any path has its
methods in Allow, and any other method is refused (405). Every error is a problem (RFC 9457)."""


def openapi_document(rows: Iterable[tuple[str, Iterable[bytes]]], prefix: str = "") -> Any:
    """
    The document.

    @param rows: each path of the table of routes, with its methods.
    @param prefix: below which the paths are, too; empty: only where they are.
    @raise KeyError: a row is not described.
    """
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Image Management Service",
        version=__version__,
        openapi_version="3.1.1",
        plugins=[plugin],
        info={"description": _DESCRIPTION},
        servers=[{"url": url} for url in dict.fromkeys(("/", prefix or "/"))],
        tags=[{"name": name, "description": text} for name, text in components.TAGS.items()],
    )
    _add_schemas(spec)
    assert plugin.converter is not None
    described = {(one.method, one.path): one for one in operations()}
    for path, methods in rows:
        found = [method for one in methods if (method := one.decode("ascii")) != "OPTIONS"]
        # By name: the components of these names are added below.
        parameters: list[Any] = [part[1:] for part in path.split("/") if part.startswith(":")]
        spec.path(
            "/".join(_part(part) for part in path.split("/")),
            parameters=parameters,
            operations={
                method.lower(): _operation(
                    method,
                    described["GET" if method == "HEAD" else method, path],
                    plugin.converter,
                )
                for method in found
            },
        )
    document = spec.to_dict()
    _complete(document["components"]["schemas"])
    document["components"] |= {
        "parameters": components.PARAMETERS,
        "headers": components.HEADERS,
        "responses": {
            _response_name(status): _problem(status, text)
            for status, text in components.PROBLEMS.items()
        },
        "securitySchemes": {"token": components.TOKEN},
    }
    return document


class OpenApi:
    """What answers who asks for the document."""

    def __init__(self, document: Any) -> None:
        self._text = json.dumps(document, separators=(",", ":")).encode()

    async def read(self, request: ServiceRequest) -> Reply:
        """The document."""
        return Reply(self._text)


def _name(schema: type[Schema] | Schema | str) -> str:
    """What a schema is called: as its class."""
    assert not isinstance(schema, str)
    return (schema if isinstance(schema, type) else type(schema)).__name__


def _add_schemas(spec: APISpec) -> None:
    of_kinds = [(each.document, each.input, each.patch) for each in SCHEMAS.values()]
    others = (Undelete(), documents.DeletedAt(), documents.RemoteBuildNodeStatus())
    for schema in (*chain(*of_kinds), *others):
        if schema is not None:
            spec.components.schema(_name(schema), schema=schema)
    for name in map(NAMES.__getitem__, SOFT_DELETED):
        both = {"allOf": [reference(name), reference("DeletedAt")]}
        spec.components.schema(f"Deleted{name}", both)
    for name, plain in components.SCHEMAS.items():
        spec.components.schema(name, dict(plain))


def _response_name(status: int) -> str:
    return PHRASES[status].title().replace(" ", "")


def _problem(status: int, description: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": description}
    if status >= 400:
        response["content"] = {PROBLEM_JSON: {"schema": reference("Problem")}}
    names = components.PROBLEM_HEADERS.get(status, ())
    return response | ({"headers": _headers(names)} if names else {})


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _part(part: str) -> str:
    """A part of a path, as OpenAPI writes it."""
    return f"{{{part.removeprefix(':')}}}" if part.startswith(":") else part


def _operation(method: str, one: Operation, converter: OpenAPIConverter) -> dict[str, Any]:
    head = method == "HEAD"
    words = one.path.replace(":", "").replace("-", "_").replace(".", "_").split("/")
    told: dict[str, Any] = {
        "operationId": "_".join(filter(None, [method.lower(), *words])),
        "tags": [one.tag],
        "summary": f"{one.summary}: the fields alone" if head else one.summary,
    }
    if one.description:
        told["description"] = one.description
    parameters: list[Any] = [*one.parameters]
    if one.filtered is not None:
        parameters += _filters(one.filtered, converter)
    if parameters:
        told["parameters"] = parameters
    if one.body:
        body = {"application/json": {"schema": reference(one.body)}}
        told["requestBody"] = {"required": True, "content": body}
    told["responses"] = _responses(one, head)
    if not one.open:
        told["security"] = [{}, {"token": [scope_of(method.encode())]}]
    return told


def _responses(one: Operation, head: bool) -> dict[str, Any]:
    done: dict[str, Any] = {"description": components.DONE[one.status]}
    if one.content:
        done["content"] = {kind: {"schema": schema} for kind, schema in one.content.items()}
    if one.fields:
        done["headers"] = _headers(one.fields)
    tokens = () if one.open else _ASKED_FOR_TOKENS
    others = {*one.others, *_ALWAYS, *tokens} - ({206, 416} if head else set())
    responses = {str(one.status): done} | {
        str(status): {"$ref": f"#/components/responses/{_response_name(status)}"}
        for status in sorted(others - {206})
    }
    if 206 in others:
        parts = {**done["content"], "multipart/byteranges": {}}
        responses["206"] = {**done, "description": components.DONE[206], "content": parts}
    if one.path == "/healthz/ready":
        responses["503"] = {**done, "description": "It cannot: the store is away, or S3 is needed."}
    return responses


def _filters(kind: Kind, converter: OpenAPIConverter) -> list[dict[str, Any]]:
    """The parameters that say which values members have."""
    found = []
    for name, member in SCHEMAS[kind].document.fields.items():
        if not isinstance(member, COMPARED):
            continue
        schema = converter.field2property(member)
        kinds = schema["type"]
        told = {"type": kinds if isinstance(kinds, str) else kinds[0]}
        if "enum" in schema:
            told["enum"] = schema["enum"]
        meaning = f"Only those whose {name} is this."
        found.append({"name": name, "in": "query", "description": meaning, "schema": told})
    return found


def _complete(schemas: Mapping[str, dict[str, Any]]) -> None:
    """
    Say what the schemas' marshmallow fields do not: what is sent may have no unknown members, and
    what is shown has all members, always.
    """
    for name, schema in schemas.items():
        if name in components.SCHEMAS or "properties" not in schema:
            continue
        if name in _SENT:
            schema["additionalProperties"] = False
            if name.endswith("Patch"):
                schema["minProperties"] = 1
        else:
            schema["required"] = [*schema["properties"]]
            schema.pop("additionalProperties", None)
            for member in schema["properties"].values():
                member.pop("default", None)


_SENT = frozenset(
    {
        *(f"{name}{what}" for name in NAMES.values() for what in ("Input", "Patch")),
        *("Undelete", "LinkInput", "KeyAndValue", "MetadataChange", "SshContainerInput"),
    }
)
"""The schemas of what is sent."""
