"""What operations have in common: parameters, header fields, problems, and what is no record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from image_management.images.manifests import ARTIFACT_NAMES
from image_management.records.words import JobStatus, JobType
from image_management.routes.operation import reference

TAGS: Mapping[str, str] = {
    "images": "Root file systems with what boots them, each listed by a manifest in S3.",
    "recipes": "Archives in S3 that images are built from.",
    "public-keys": "SSH public keys, by whose other halves one may log in to jobs.",
    "jobs": "Builds of images from recipes, and images that somebody changes over SSH.",
    "remote-build-nodes": "Machines that work on jobs for processors of their own kind.",
    "service": "What tells of the service itself.",
}

DONE: Mapping[int, str] = {
    200: "What was asked for.",
    201: "It is made, and this is it.",
    204: "It is done.",
    206: "The bytes that the field Range asks for.",
}
"""What is said of answers when what was asked for is done."""

PROBLEMS: Mapping[int, str] = {
    304: "What the client has is current.",
    400: "The request, its query or its JSON is malformed; nothing was sent; a manifest is too"
    " large, or has no or several root file systems; what a job is to work on is not there.",
    401: "Tokens are asked for, and there is none, or it is not valid.",
    403: "The token is not for this: ims:read to read, ims:write for the rest, ims:job:ID to change"
    " the job ID alone.",
    404: "There is no such record, artifact or path.",
    409: "Another link is set already, something would be overwritten, or the record is being"
    " moved.",
    412: "If-Match does not hold: the artifact is another one now.",
    413: "What is sent has more than 1 MiB.",
    415: "What is sent is not application/json.",
    416: "The artifact has no byte of the range.",
    422: "Members of what is sent are missing, unknown or wrong; or what a link names is not there,"
    " is no good manifest, or belongs to another record.",
    500: "The service has failed; its log says why.",
    502: "S3 does not do what it is asked for; nothing is changed.",
    503: "The store is away, there are too many clients, or no job backend is configured.",
}
"""What is said of other answers, by their status."""

PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    416: ("Content-Range",),
    503: ("Retry-After",),
}

_TEXT = {"type": "string"}

HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Accept-Ranges": {"description": "Parts may be asked for.", "schema": {"const": "bytes"}},
    "Content-Range": {
        "description": "How long the whole is (RFC 9110, section 14.4).",
        "required": True,
        "schema": {"type": "string", "pattern": r"^bytes \*/[0-9]+$"},
    },
    "ETag": {"description": "Which artifact this is (RFC 9110, section 8.8.3).", "schema": _TEXT},
    "Retry-After": {
        "description": "After how many seconds to try again, where that makes sense.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "What is wrong with the token (RFC 6750, section 3).",
        "required": True,
        "schema": _TEXT,
    },
    "Warning": {
        "description": "What was not as it should be, and did not matter (RFC 7234, section 5.5).",
        "schema": _TEXT,
    },
}


def _query(name: str, description: str, **schema: Any) -> Mapping[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str, description: str, **schema: Any) -> Mapping[str, Any]:
    place = {"name": name, "in": "path", "required": True, "description": description}
    return {**place, "schema": {"type": "string", **schema}}


def _field(name: str, section: str) -> Mapping[str, Any]:
    meaning = f"RFC 9110, section {section}."
    return {"name": name, "in": "header", "description": meaning, "schema": _TEXT}


PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "id": _path("id", "The record's id.", format="uuid"),
    "xname": _path("xname", "The node's name, such as x3000c0s19b0n0.", minLength=1),
    "name": _path("name", "Which of the image's artifacts.", enum=[*ARTIFACT_NAMES]),
    "limit": _query(
        "limit", "How many there are at most.", type="integer", minimum=1, maximum=999_999_999
    ),
    "after": _query(
        "after", "Only those behind the one with this id, which has to be there.", type="string"
    ),
    "cascade": _query(
        "cascade",
        "Whether the artifacts in S3 are deleted, too: true, yes, t or 1; anything else is no.",
        type="string",
        default="true",
    ),
    "status": {
        **_query(
            "status",
            "Jobs that are this far; may be there several times, for any of these.",
            type="array",
            items={"type": "string", "enum": [*JobStatus]},
        ),
        "explode": True,
    },
    "follow": _query(
        "follow", "Whether to go on until the job is over.", type="boolean", default=False
    ),
    "tail": _query(
        "tail",
        "With how many of the last lines to begin; otherwise with the first.",
        type="integer",
        minimum=0,
        maximum=999_999_999,
    ),
    "job_type": _query("job_type", "Jobs of this type.", type="string", enum=[*JobType]),
    "age": _query(
        "age",
        "Jobs that are older: numbers with their units w, d, h, m and s, such as 1d12h.",
        type="string",
        pattern="^([0-9]{1,9}[wdhms])+$",
        example="2w",
    ),
    "Range": _field("Range", "14.2"),
    "If-Range": _field("If-Range", "13.1.5"),
    "If-Match": _field("If-Match", "13.1.1"),
    "If-None-Match": _field("If-None-Match", "13.1.2"),
}


def _object(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "required": [*properties], "properties": properties}


def _text(description: str) -> Mapping[str, Any]:
    return {"type": "string", "description": description}


_STORE = _text("ok, or why the records cannot be read.")
_S3 = _text("ok, or why S3 cannot be used.")
_COUNT = {"type": "integer", "minimum": 0}

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "Why something was not done (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": _text("What the status is called."),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": _text("What is wrong, and what would be right."),
            "errors": reference("Errors"),
        },
    },
    "Errors": {
        "type": "object",
        "description": "The messages of each member, or the errors of the members within it; of"
        " elements of arrays by their place, which counts from 0. Of whole collections: the"
        " messages of each record, by its id.",
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "items": _TEXT},
                reference("Errors"),
            ]
        },
    },
    "Version": _object(version=_text("The release.")),
    "Live": _object(live={"const": True}),
    "Ready": _object(store=_STORE, s3=_S3),
    "Status": _object(
        version=_text("The release."),
        store=_STORE,
        s3=_S3,
        operations={
            "type": "array",
            "description": "What is being moved or deleted, by any replica.",
            "items": _object(
                kind=_text("Of which collection."),
                id=_text("The record's."),
                action=_text("What is done to it: soft-delete, undelete or hard-delete."),
            ),
        },
        downloads=_object(in_flight=_COUNT, waiting=_COUNT),
    ),
    "OpenApi": {"type": "object", "description": "An OpenAPI document."},
}
"""What is sent and shown that is no record."""

TOKEN: Mapping[str, str] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Only where the service was told whose tokens count. ims:read is the scope to"
    " read, ims:write for the rest; with ims:job:ID one may PATCH the job ID, and nothing else.",
}
