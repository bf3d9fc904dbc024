"""A record: one element of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from image_management.records.kinds import Kind
from image_management.records.links import Link

Document = Mapping[str, Any]
"""The JSON object of a record as the API shows it, with all its members."""

_DOCUMENTS = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Record:
    """An element of a collection."""

    kind: Kind
    id: str
    """A UUID; of a remote build node its xname."""

    document: Document = field(repr=False)
    revision: int = 0
    """How often it has been changed."""

    deleted: bool = False
    """Whether it is in the collection of what was deleted."""

    @property
    def link(self) -> Link | None:
        """Where its artifact is; C{None}: nowhere yet, or its kind has none."""
        given = self.document.get("link")
        return None if given is None else Link.read(given)


def document_text(document: Document) -> str:
    """A document as the API sends it, as JSON."""
    return msgspec.json.encode(document).decode()


def read_document(text: str) -> Document:
    """
    The document of a L{document_text}.

    @raise ValueError: it is none.
    """
    try:
        return _DOCUMENTS.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not the JSON object of a record: {error}") from None


def deleted_document(document: Document, when: str) -> Document:
    """
    The document of a record that goes to those that were deleted.

    @param when: the time now.
    """
    return {**document, "deleted": when}


def live_document(document: Document) -> Document:
    """The document of a record that comes back from them."""
    return {name: value for name, value in document.items() if name != "deleted"}
