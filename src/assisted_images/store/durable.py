"""Files that appear under their names all at once.  Blocking; used in threads only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from assisted_images.sources.parts import sync_directory

TEMPORARY = ".tmp"
"""Ends the name of a file that is being written."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name all at once, durably."""
    descriptor, name = tempfile.mkstemp(TEMPORARY, f"{path.name}.", path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
