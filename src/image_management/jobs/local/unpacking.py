"""
Tar archives that strangers have made (POSIX.1-2017, pax), unpacked so that nothing is written
anywhere else.

Symbolic links may lead anywhere, since none is ever followed.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

_PIECE = 1024 * 1024

_PRIVILEGED = stat.S_ISUID | stat.S_ISGID


class BadArchive(Exception):
    """It is not to be unpacked; the text says which member is why."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an archive may hold."""

    members: int = 200_000
    size: int = 60 * 1024**3
    """Bytes."""


def unpack(archive: IO[bytes], folder: int, bounds: Bounds) -> None:
    """
    Unpack an archive that may be compressed by gzip, bzip2 or xz.

    @param archive: read from where it is to its end.
    @param folder: the descriptor of an empty folder, which nobody else writes to.
    @raise BadArchive: it is none, or something in it is not to be unpacked.
    """
    left = bounds.size
    try:
        with tarfile.open(fileobj=archive, mode="r|*") as tar:
            for number, member in enumerate(tar, 1):
                if number > bounds.members:
                    raise BadArchive(f"more than {bounds.members} members")
                left -= _Member(tar, member, folder).unpack(left)
                tar.members = []  # type: ignore[attr-defined] # it would remember them all
    except (tarfile.TarError, EOFError, ValueError, MemoryError, OverflowError) as error:
        raise BadArchive(f"no tar archive: {error}") from None


class _Member:
    def __init__(self, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: int) -> None:
        self._tar = tar
        self._member = member
        self._folder = folder

    def unpack(self, most: int) -> int:
        """
        Unpack it.

        @return: how many bytes it had, at most C{most}.
        """
        member = self._member
        path = self._path(member.name)
        if member.mode & _PRIVILEGED and not member.issym():
            raise self._bad("setuid and setgid are not allowed")
        try:
            if member.isdir():
                with self._parent(path):
                    return 0
            if not path:
                raise self._bad("not a folder")
            with self._parent(path[:-1]) as parent:
                return self._make(path[-1], parent, most)
        except OSError as error:
            raise self._bad(error.strerror or str(error)) from None

    def _make(self, name: str, parent: int, most: int) -> int:
        member = self._member
        _make_room(name, parent)
        if member.isreg():
            return self._write(name, parent, most)
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.islnk():
            self._link(name, parent)
        else:
            raise self._bad("neither a file, a folder nor a link")
        return 0

    def _write(self, name: str, parent: int, most: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        content = self._tar.extractfile(self._member)
        assert content is not None
        written = 0
        mode = self._member.mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR
        with os.fdopen(os.open(name, flags, mode, dir_fd=parent), "wb") as file:
            while piece := content.read(_PIECE):
                written += len(piece)
                if written > most:
                    raise self._bad("the archive holds more than there is room for")
                file.write(piece)
        return written

    def _link(self, name: str, parent: int) -> None:
        """Link to an earlier member."""
        *above, target = self._path(self._member.linkname) or [""]
        with self._parent(above, make=False) as source:
            try:
                is_file = stat.S_ISREG(os.lstat(target, dir_fd=source).st_mode)
            except FileNotFoundError:
                is_file = False
            if not is_file:
                raise self._bad("a hard link to no file of the archive")
            os.link(target, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)

    @contextmanager
    def _parent(self, path: list[str], *, make: bool = True) -> Iterator[int]:
        """The descriptor of a folder, which is made where it is missing."""
        place = os.dup(self._folder)
        try:
            for name in path:
                if make:
                    _make_folder(name, place)
                try:
                    below = os.open(
                        name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place
                    )
                except NotADirectoryError:
                    raise self._bad("below something that is no folder") from None
                os.close(place)
                place = below
            yield place
        finally:
            os.close(place)

    def _path(self, name: str) -> list[str]:
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if name.startswith("/") or ".." in parts:
            raise self._bad("outside of the archive's own folder")
        return parts

    def _bad(self, why: str) -> BadArchive:
        return BadArchive(f"{self._member.name[:200]!r}: {why}")


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        return


def _make_room(name: str, parent: int) -> None:
    """Of members with the same name the last one counts."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
