"""
The journal: operations on records that take longer than a transaction, and outlive their process.

An operation begins with a row in the journal and ends when the row goes; between them its record is
busy.  Whoever began it is its owner, for as long as the lease is renewed; then another process may
take it over, and goes on from the L{state<Operation.state>} that was written last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from image_management.records.kinds import Kind
from image_management.records.record import Document


class Action(StrEnum):
    """What an operation does to its record."""

    SOFT_DELETE = "soft-delete"
    UNDELETE = "undelete"
    HARD_DELETE = "hard-delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on a record; of one record there is one at a time."""

    kind: Kind
    id: str
    action: Action
    deleted: bool = False
    """Whether the record is in the collection of what was deleted when the operation begins."""

    state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """How far it is, as JSON can say it; whoever goes on with the operation knows what it means."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An outcome: the record has a new document, and perhaps is in the other collection."""

    document: Document = field(repr=False)
    deleted: bool
    """Whether it is in the collection of what was deleted from now on."""


@dataclass(frozen=True, slots=True)
class Removed:
    """An outcome: the record is gone."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An outcome: the record is as it was."""


Outcome = Moved | Removed | Unchanged
"""What becomes of an operation's record."""
