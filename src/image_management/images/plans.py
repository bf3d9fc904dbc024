"""
What an operation is going to do, and how far it is: values that go into the journal as JSON and are
read back by whoever goes on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from image_management.records.links import Link
from image_management.s3.objects import ObjectFacts


class Phase(StrEnum):
    """How far an operation is; before the first it has done nothing."""

    COPYING = "copying"
    """Everything is being copied to where it goes; nobody is told of the copies yet."""

    ROLLING_BACK = "rolling back"
    """The copies are being deleted: they could not all be made."""

    SWEEPING = "sweeping"
    """
    They have been deleted, and will be again: S3 may have been still at one when it was given up.
    """

    CLEANING = "cleaning"
    """The record names the copies; what they were made of is being deleted."""

    DELETING = "deleting"
    """Everything is being deleted, for good, and then the record."""


@dataclass(frozen=True, slots=True)
class Move:
    """One object's way."""

    source: Link
    target: Link
    facts: ObjectFacts
    """Of the source."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation does in S3, and the link that its record is going to have."""

    moves: tuple[Move, ...] = ()
    link: Link | None = None
    """Where the record's own object is going to be; C{None}: its link stays as it is."""

    manifest: Mapping[str, Any] | None = None
    """What is written there when everything is copied, once the etags are known."""

    manifest_move: Move | None = None
    """That of the L{moves} which goes last, since it names what the others have become."""

    deletions: tuple[Link, ...] = ()
    """What is deleted without having been moved."""

    last: tuple[Link, ...] = ()
    """What is deleted when all else is: it says where that is."""

    warnings: tuple[str, ...] = ()
    """What whoever asked for the operation should know."""

    @property
    def targets(self) -> tuple[Link, ...]:
        """Every object that it makes."""
        written = () if self.manifest is None or self.link is None else (self.link,)
        return (*(move.target for move in self.moves), *written)

    @property
    def paths(self) -> frozenset[str]:
        """Every object that it has to do with."""
        sources = (move.source for move in self.moves)
        return frozenset(
            link.path for link in (*sources, *self.targets, *self.deletions, *self.last)
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """How far an operation is, as the journal says it."""

    phase: Phase
    plan: Plan = field(default_factory=Plan)

    @staticmethod
    def read(state: Mapping[str, Any]) -> Stage | None:
        """
        Read what L{state} has made.

        @return: C{None}: the operation has only just begun.
        """
        return _STAGES.decode(msgspec.json.encode(state)) if state else None

    @property
    def state(self) -> dict[str, Any]:
        """The JSON object of it."""
        state: dict[str, Any] = msgspec.to_builtins(self)
        return state


_STAGES = msgspec.json.Decoder(Stage)
