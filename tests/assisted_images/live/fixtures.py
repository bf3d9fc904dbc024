"""
The real images of the CoreOS project, where someone has them; they are no part of this repository.

C{COREOS_ISO_FIXTURES} names the directory with C{embed-areas-*.iso.xz}; else
C{shared/fixtures/coreos-iso} beside the repository is looked at.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

_BESIDE = Path(__file__).parents[4] / "shared" / "fixtures" / "coreos-iso"
_DIRECTORY = Path(os.environ.get("COREOS_ISO_FIXTURES") or _BESIDE)

MISSING = None if _DIRECTORY.is_dir() else f"no fixtures in {_DIRECTORY}"
"""Why tests that need them are skipped."""


def fixture(name: str) -> bytes:
    """The image C{embed-areas-NAME.iso}."""
    return lzma.decompress((_DIRECTORY / f"embed-areas-{name}.iso.xz").read_bytes())
