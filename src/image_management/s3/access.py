"""Where an S3 server is, and as whom it is spoken to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class S3Access:
    """One S3 server, and credentials for it."""

    endpoint: str
    """Its URL; addresses are path-style, C{endpoint/bucket/key}."""
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    """What signatures are for; servers other than Amazon's take any that is theirs."""
    ssl_validate: bool | Path = True
    """Whether its certificate is verified; a path: of authorities that are trusted besides."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long S3 may take."""

    connect_seconds: float = 60.0
    """For a connection to come up."""
    read_seconds: float = 60.0
    """For which nothing may arrive."""
    url_seconds: int = 432_000
    """For which presigned URLs are valid; signature version 4 knows no more than 604 800."""
    pauses: tuple[float, ...] = (0.2, 0.6, 1.6)
    """Seconds before each further try of what failed in passing, give or take a fifth."""


Observe = Callable[[str, str, float], None]
"""
Is told of each try of a request: what S3 calls the operation (C{HeadObject}); its outcome, which is
C{ok}, a status such as C{404}, C{timeout} or C{connection}; and how many seconds it took.
"""
