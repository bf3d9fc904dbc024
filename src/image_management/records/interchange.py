"""
The files of Cray's service: one JSON array for each collection, of its records as its API shows
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from httpd.field_errors import error_lines
from httpd.texts import quoted
from image_management.records.kinds import SOFT_DELETED, Kind
from image_management.records.record import Document, Record
from image_management.records.schemas import SCHEMAS, InvalidInput, read_record

COLLECTIONS: tuple[tuple[Kind, bool], ...] = (
    *((kind, False) for kind in Kind),
    *((kind, True) for kind in Kind if kind in SOFT_DELETED),
)
"""Every kind, and whether it is of what was deleted."""

_LIVE_MINOR = {Kind.RECIPE: 2, Kind.IMAGE: 1, Kind.JOB: 4, Kind.REMOTE_BUILD_NODE: 0}
_DELETED_MINOR = {Kind.RECIPE: 2, Kind.IMAGE: 1}
"""The newest versions of the files' forms; the others have no minor one."""

_OURS: frozenset[str] = frozenset({"status_reason", "backend"})
"""Members that Cray's service has not."""

_ARRAY = msgspec.json.Decoder(list[Any])


class BadFile(ValueError):
    """A file holds no collection; the text says what is wrong, and with which element."""


@dataclass(frozen=True, slots=True)
class Elements:
    """What a file holds."""

    records: tuple[Record, ...]
    """In its order."""

    unknown: Mapping[str, int]
    """Members that are known to nobody here, and were left out, with the number of elements."""


def file_names(kind: Kind, *, deleted: bool) -> tuple[str, ...]:
    """What the file of a collection is called, by the newest release first."""
    major, minor = (3, _DELETED_MINOR.get(kind)) if deleted else (2, _LIVE_MINOR.get(kind))
    collection = f"{'deleted_' if deleted else ''}{kind.replace('-', '_')}"
    minors = () if minor is None else range(minor, -1, -1)
    return (
        *(f"v{major}.{each}_{collection}.json" for each in minors),
        f"v{major}_{collection}.json",
    )


def read_elements(kind: Kind, data: bytes, *, deleted: bool) -> Elements:
    """
    Read a file.

    @param data: its content.
    @raise BadFile: it is damaged, or of something else.
    """
    try:
        elements = _ARRAY.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFile(f"no JSON array: {error}") from None
    records: dict[str, Record] = {}
    unknown: Counter[str] = Counter()
    for number, element in enumerate(elements, 1):
        try:
            record = read_element(kind, element, deleted=deleted)
        except InvalidInput as error:
            raise BadFile(
                f"{_name(number, element)}: {'; '.join(error_lines(error.errors))}"
            ) from None
        if record.id in records:
            raise BadFile(f"{_name(number, element)}: another element has this id")
        records[record.id] = record
        unknown.update(_unknown(kind, element, deleted))
    return Elements(tuple(records.values()), unknown)


def read_element(kind: Kind, element: object, *, deleted: bool) -> Record:
    """
    Read one element of a file: what is missing or null is as by default, and what is unknown is
    left out.

    @raise InvalidInput: it is no record.
    """
    return read_record(kind, element, deleted=deleted)


def element_of(record: Record) -> Document:
    """The element that a record is in a file."""
    return {name: value for name, value in record.document.items() if name not in _OURS}


def elements_text(records: Iterable[Record]) -> str:
    """The content of a file, an element a line."""
    lines = ",\n".join(msgspec.json.encode(element_of(record)).decode() for record in records)
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def _name(number: int, element: object) -> str:
    """How messages call an element: by its place, which counts from 1, and its id if it has one."""
    given = element.get("id", element.get("xname")) if isinstance(element, Mapping) else None
    return f"element {number} ({quoted(given)})" if isinstance(given, str) else f"element {number}"


def _unknown(kind: Kind, element: Mapping[str, Any], deleted: bool) -> Iterable[str]:
    known = {*SCHEMAS[kind].document.fields, *(("deleted",) if deleted else ())}
    return element.keys() - known
