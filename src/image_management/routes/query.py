"""
What the query of a URL says: which records are meant.  Parameters that mean nothing here are not
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.records.kinds import Kind
from image_management.records.schemas import SCHEMAS

_TRUE = frozenset({"true", "yes", "t", "1"})

_LIMIT = re.compile(r"[1-9][0-9]{0,8}")

COMPARED = fields.String | fields.Boolean | fields.Integer
"""Fields whose values a query can say."""


def texts(request: ServiceRequest, name: str) -> list[str]:
    """
    The values of a parameter, each time that it is there.

    @raise Problem: 400, one is no text.
    """
    try:
        return [value.decode("utf-8") for value in request.args.get(name.encode(), ())]
    except UnicodeDecodeError:
        raise wrong(name, "it is no UTF-8") from None


def text(request: ServiceRequest, name: str) -> str | None:
    """
    The value of a parameter that is there once at most.

    @raise Problem: 400, it is there more often, or is no text.
    """
    found = texts(request, name)
    if len(found) > 1:
        raise wrong(name, "it is there more than once")
    return found[0] if found else None


def cascade(request: ServiceRequest) -> bool:
    """Whether artifacts are to be deleted, too: unless C{cascade} is there and says no."""
    said = text(request, "cascade")
    return said is None or said.lower() in _TRUE


def page(request: ServiceRequest) -> Mapping[str, Any]:
    """
    Which part of a list is asked for: everything, where nothing is said.

    @return: C{limit} and C{after}, where they are there.
    @raise Problem: 400, one makes no sense.
    """
    found: dict[str, Any] = {}
    if (limit := text(request, "limit")) is not None:
        if not _LIMIT.fullmatch(limit):
            raise wrong("limit", f"{quoted(limit)} is no number of records; expected 1 or more")
        found["limit"] = int(limit)
    if (after := text(request, "after")) is not None:
        found["after"] = after
    return found


def filters(request: ServiceRequest, kind: Kind) -> Mapping[str, Any]:
    """
    Which values the members of records are to have.

    @raise Problem: 400, a member of this kind cannot have one.
    """
    found = {}
    for name, field in SCHEMAS[kind].document.fields.items():
        if isinstance(field, COMPARED) and (said := text(request, name)) is not None:
            found[name] = member(kind, name, said)
    return found


def member(kind: Kind, name: str, said: str) -> Any:
    """
    The value of a record's member.

    @raise Problem: 400, it cannot have this one.
    """
    try:
        return SCHEMAS[kind].document.fields[name].deserialize(said)
    except ValidationError as error:
        raise wrong(name, f"{quoted(said)}: {' '.join(map(str, error.messages))}") from None


def wrong(name: str, reason: str) -> Problem:
    """What is said of a parameter that makes no sense."""
    return Problem(400, f"invalid value for parameter {name!r}: {reason}")
