"""What is told of one method of one path to the people who use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from httpd.web.request import ServiceRequest
from image_management.records.kinds import Kind


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method does at one path."""

    method: str
    """In capital letters."""

    path: str
    """As the table of routes has it: C{/images/:id}."""

    tag: str
    """What it is about."""

    summary: str
    description: str = ""

    parameters: tuple[str, ...] = ()
    """The names of those of its query, and of its fields."""

    filtered: Kind | None = None
    """Of which records the query may say, too, which values their members have."""

    body: str = ""
    """The schema of what is sent; empty: nothing is."""

    status: int = 200
    """Of the answer when it is done."""

    content: Mapping[str, Any] = field(default_factory=dict)
    """The schema of that answer's body, by its media type; empty: it has none."""

    fields: tuple[str, ...] = ()
    """The names of fields that answer may have."""

    others: tuple[int, ...] = ()
    """Statuses of other answers, besides those that any operation may have."""

    open: bool = False
    """Whether nobody needs a token for it, even where others need one."""


def reference(schema: str) -> dict[str, str]:
    """A schema, by its name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def one(schema: str) -> Mapping[str, Any]:
    """The content of an answer that is one of something."""
    return {"application/json": reference(schema)}


def many(schema: str) -> Mapping[str, Any]:
    """The content of an answer that is an array of something."""
    return {"application/json": {"type": "array", "items": reference(schema)}}


def scope_of(method: bytes) -> str:
    """The scope that a bearer token needs to have for a method (RFC 6749, section 3.3)."""
    return "ims:read" if method in {b"GET", b"HEAD"} else "ims:write"


def scopes_of(request: ServiceRequest) -> list[str]:
    """The scopes of which it needs to have one for a request."""
    return [scope_of(request.method)]


def scopes_of_job(request: ServiceRequest) -> list[str]:
    """The same for one job: its own containers may change it, and nothing else."""
    scopes = scopes_of(request)
    return [*scopes, f"ims:job:{request.path_values[0]}"] if request.method == b"PATCH" else scopes
