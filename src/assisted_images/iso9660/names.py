"""
The names that the trees of a volume have for its files.

As in Linux, they are Rock Ridge's where there are any, else Joliet's, else the plain ones.  The two
latter do not tell capitals, and plain ones may be cut to 8.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from assisted_images.iso9660.directories import NameOf, identifier
from assisted_images.values import Extent

_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]")


@dataclass(frozen=True, slots=True)
class Tree:
    """One of a volume's trees of directories, which have different names for the same files."""

    root: Extent
    name_of: NameOf
    spellings: Callable[[str], tuple[str, ...]]
    """Which of the names that L{name_of} gives may stand for a name that is looked for."""


def rock_ridge_tree(root: Extent, name_of: NameOf) -> Tree:
    """ISO 9660's own tree, where it has Rock Ridge names, which C{name_of} gives."""
    return Tree(root, name_of, lambda name: (name,))


def plain_tree(root: Extent) -> Tree:
    """ISO 9660's own tree, without Rock Ridge names."""
    return Tree(root, plain_name, _plain_spellings)


def joliet_tree(root: Extent) -> Tree:
    """Joliet's."""
    return Tree(root, _joliet_name, _without_capitals)


def long_tree(root: Extent) -> Tree:
    """The one of ISO 9660:1999, whose names are like the plain ones but longer."""
    return Tree(root, plain_name, _without_capitals)


def plain_name(record: bytes) -> str:
    """The ISO 9660 name as Linux shows it: without capitals and version."""
    return identifier(record).decode("latin-1").partition(";")[0].rstrip(".").lower()


def _joliet_name(record: bytes) -> str:
    """The name without version and capitals; it is UCS-2, the more significant byte first."""
    text = identifier(record).decode("utf-16-be", errors="replace")
    return text.partition(";")[0].lower()


def _without_capitals(name: str) -> tuple[str, ...]:
    return (name.lower(),)


def _plain_spellings(name: str) -> tuple[str, ...]:
    """Without capitals, and as it is where names have 8.3 characters (ECMA-119, 10.1)."""
    stem, dot, extension = name.lower().rpartition(".")
    if not dot:
        stem, extension = extension, ""
    return name.lower(), f"{_NOT_IN_NAMES.sub('_', stem)[:8]}{dot}{extension[:3]}"
