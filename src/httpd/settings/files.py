"""Whether the files and directories that settings name are there and can be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from httpd.texts import os_error_text


def writable_directory(name: str, directory: Path) -> Iterator[str]:
    """
    What keeps a directory from being written to, which is made when it is not there.

    @param name: the setting's.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield (
            f"{name}: {directory} cannot be made: {os_error_text(error)};"
            " expected a directory that can be written"
        )
        return
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield f"{name}: {directory} may not be written; expected a directory that can be written"


def readable_directory(name: str, directory: Path, expected: str) -> Iterator[str]:
    """
    What keeps the files of a directory from being read.

    @param name: the setting's.
    @param expected: says what would be right.
    """
    try:
        # What is in it is looked up, which a stat of the directory itself would not do.
        os.stat(f"{directory}/.")  # noqa: PTH116
    except OSError as error:
        yield f"{name}: {directory} cannot be read: {os_error_text(error)}; expected {expected}"


def readable_file(name: str, file: Path, read: Callable[[Path], object]) -> Iterator[str]:
    """
    What is wrong with a file.

    @param name: the setting's.
    @param read: reads it; C{ValueError} says what is wrong.
    """
    try:
        read(file)
    except ValueError as error:
        yield f"{name}: {error}"
