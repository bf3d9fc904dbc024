"""The collections that there are, and what one element of each is called."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a record is of; the value is its collection's name, as it stands in URLs."""

    PUBLIC_KEY = "public-keys"
    RECIPE = "recipes"
    IMAGE = "images"
    JOB = "jobs"
    REMOTE_BUILD_NODE = "remote-build-nodes"

    @property
    def noun(self) -> str:
        """One of them, for people: C{remote build node}."""
        return self.value.removesuffix("s").replace("-", " ")

    @property
    def soft_deleted(self) -> bool:
        """Whether those that were deleted may come back."""
        return self in SOFT_DELETED


SOFT_DELETED = frozenset({Kind.PUBLIC_KEY, Kind.RECIPE, Kind.IMAGE})
"""The kinds that have a collection of what was deleted."""

LINKED = frozenset({Kind.RECIPE, Kind.IMAGE})
"""The kinds whose records have a link."""
