"""What is opened by SSH, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A root file system, and who may log in to it."""

    root: Path
    """The root file system, of which nothing else makes use meanwhile."""
    notes: Path
    """A file outside of the root: what was added to the root and has to be taken out again."""
    authorized_keys: str = field(repr=False)
    """Public keys, one a line."""
    environment: Mapping[str, str]
    """What a session's environment holds besides the usual; no secrets."""
    dkms: bool = False
    """Whether kernel modules are made in it: /sys is there then, and cannot be written to."""
