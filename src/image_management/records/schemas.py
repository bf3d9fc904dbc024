"""
The schemas of each kind of records, and what is made by them: what a client sends is checked, and
records are made and changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from marshmallow import Schema, ValidationError

from httpd.field_errors import Errors
from image_management.records import documents, inputs
from image_management.records.kinds import Kind
from image_management.records.record import Document, Record


class InvalidInput(Exception):
    """
    Members are missing, unknown, or of the wrong type or value.

    @ivar errors: what is wrong with each; C{_schema} stands for the whole.
    """

    def __init__(self, errors: Errors) -> None:
        super().__init__(f"wrong input: {', '.join(sorted(errors))}")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Schemas:
    """How the records of a kind are made, shown and changed."""

    input: Schema
    document: Schema
    patch: Schema | None = None
    """C{None}: they cannot be changed."""


SCHEMAS: Mapping[Kind, Schemas] = {
    Kind.PUBLIC_KEY: Schemas(inputs.PublicKeyInput(), documents.PublicKey()),
    Kind.RECIPE: Schemas(inputs.RecipeInput(), documents.Recipe(), inputs.RecipePatch()),
    Kind.IMAGE: Schemas(inputs.ImageInput(), documents.Image(), inputs.ImagePatch()),
    Kind.JOB: Schemas(inputs.JobInput(), documents.Job(), inputs.JobPatch()),
    Kind.REMOTE_BUILD_NODE: Schemas(inputs.RemoteBuildNodeInput(), documents.RemoteBuildNode()),
}

_UNDELETE = inputs.Undelete()
_DELETED_AT = documents.DeletedAt()


def read_input(kind: Kind, given: object) -> dict[str, Any]:
    """
    What a client wants a new record to have: only what it sent, each of its type.

    @param given: JSON.
    @raise InvalidInput: it is not as it has to be.
    """
    return _loaded(SCHEMAS[kind].input, given)


def make_record(
    kind: Kind, members: Mapping[str, Any], created: str, id: str | None = None
) -> Record:
    """
    A new record: what its members do not say is as by default.

    @param members: as L{read_input} has them, and more, for a job.
    @param created: the time now (L{time_text<image_management.values.time_text>}).
    @param id: C{None}: one that nobody has.
    """
    given = {**members, "id": id or str(uuid4()), "created": created}
    return read_record(kind, given)


def new_record(kind: Kind, given: object, created: str, id: str | None = None) -> Record:
    """
    The record that a client wants; its link is as it was sent, and not looked at.

    @raise InvalidInput: what was sent is not as it has to be.
    """
    return make_record(kind, read_input(kind, given), created, id)


def read_record(kind: Kind, given: object, *, deleted: bool = False) -> Record:
    """
    A record as the store, another release or Cray's service has it: what is missing, or null, is as
    by default, and what is unknown goes.

    @raise InvalidInput: it is none, or something in it is of the wrong type or value.
    """
    document = _loaded(SCHEMAS[kind].document, given)
    if deleted:
        document |= _loaded(_DELETED_AT, given)
    id = document["xname" if kind is Kind.REMOTE_BUILD_NODE else "id"]
    return Record(kind, id, document, deleted=deleted)


def read_patch(kind: Kind, given: object) -> Mapping[str, Any]:
    """
    What a client wants of a record to be otherwise: only what it sent.

    @raise InvalidInput: it is not as it has to be.
    @raise ValueError: records of this kind cannot be changed.
    """
    schema = SCHEMAS[kind].patch
    if schema is None:
        raise ValueError(f"a {kind.noun} cannot be changed")
    return _loaded(schema, given)


def patched(record: Record, change: Mapping[str, Any]) -> Document:
    """
    The document with a change made, but for its link: that depends on more than the record.

    @param change: of L{read_patch}.
    """
    document = dict(record.document)
    for name, value in change.items():
        if name == "metadata":
            document[name] = _changed_metadata(document[name], value)
        elif name != "link":
            document[name] = value
    return document


def _changed_metadata(now: Mapping[str, str], change: Mapping[str, str]) -> Mapping[str, str]:
    key = change["key"]
    if change["operation"] == "set":
        return {**now, key: change["value"]}
    return {name: value for name, value in now.items() if name != key}


def read_undelete(given: object) -> None:
    """
    See that a client wants something back.

    @raise InvalidInput: it sent something else.
    """
    _loaded(_UNDELETE, given)


def _loaded(schema: Schema, given: object) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given)  # type: ignore[arg-type] # it finds out
    except ValidationError as error:
        raise InvalidInput(_texts(error.messages_dict)) from None
    return loaded


def _texts(errors: Mapping[Any, Any]) -> Errors:
    """The messages, of elements of lists by their index as a text."""
    return {
        str(name): _texts(wrong) if isinstance(wrong, Mapping) else [str(one) for one in wrong]
        for name, wrong in errors.items()
    }
