"""Files of a root file system, or of a recipe, that strangers have made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from image_management.jobs.in_root import opened_in_root


@contextmanager
def opened_file(folder: Path, path: str) -> Iterator[int]:
    """
    The descriptor of a regular file, wherever in the folder a symbolic link leads.

    @raise OSError: it is none, or cannot be opened.
    """
    # A fifo would wait for a writer.
    with opened_in_root(folder, path, os.O_RDONLY | os.O_NONBLOCK) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path}: not a regular file")
        yield file


def read_whole(folder: Path, path: str, most: int) -> bytes:
    """
    The content of a regular file.

    @raise OSError: it is none, cannot be read, or has more than C{most} bytes.
    """
    with opened_file(folder, path) as file:
        size = os.fstat(file).st_size
        if size > most:
            raise OSError(f"{path}: more than {most} bytes")
        return os.pread(file, size, 0)


def write_new(root: Path, path: str, data: bytes) -> None:
    """
    Write a file anew, below folders that are made where they are missing.

    @param path: without C{..} and symbolic links of its own.
    @raise OSError: it cannot be written.
    """
    above = ""
    *folders, name = path.split("/")
    for folder in folders:
        with _opened_folder(root, above) as parent, suppress(FileExistsError):
            os.mkdir(folder, 0o755, dir_fd=parent)
        above = f"{above}/{folder}"
    with _opened_folder(root, above) as parent:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(name, flags, 0o644, dir_fd=parent), "wb") as file:
            file.write(data)


@contextmanager
def _opened_folder(root: Path, path: str) -> Iterator[int]:
    with opened_in_root(root, path or ".", os.O_PATH | os.O_DIRECTORY) as folder:
        yield folder
