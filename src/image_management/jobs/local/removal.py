"""Folders that strangers have filled are removed: across no mount, along no link."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from image_management.jobs.local.processes import Limits, Programs

_LIMITS = Limits(memory=1024**3, file=1024**2)


async def remove_tree(programs: Programs, *paths: Path) -> None:
    """
    Remove folders or files, with all that is in them; they do not have to be there.

    @raise ProgramFailed: something is left; it says what.
    """
    there = [str(path) for path in paths if os.path.lexists(path)]
    if there:
        command = ["rm", "--recursive", "--force", "--one-file-system", "--", *there]
        with NamedTemporaryFile() as words:
            await programs.run(command, Path("/"), Path(words.name), _LIMITS)
