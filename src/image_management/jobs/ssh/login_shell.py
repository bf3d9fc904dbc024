"""How a root file system wants root to be: its C{/etc/passwd}, passwd(5)."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from image_management.jobs.in_root import opened_in_root, read_in_root

_LONGEST = 1 << 20
"""Bytes of C{/etc/passwd} that are looked at."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a session of root begins with."""

    shell: str
    home: str


def login_of(root: Path) -> Login:
    """
    What is said of root in there, as far as it is so: else C{/bin/sh}, and C{/root}.  Blocking, for
    the time that one small file takes.
    """
    shell, home = "", ""
    with suppress(OSError):
        for line in (
            read_in_root(root, "/etc/passwd", _LONGEST).decode("utf-8", "replace").split("\n")
        ):
            fields = line.split(":")
            if fields[0] == "root" and len(fields) == 7:
                home, shell = fields[5:]
                break
    return Login(
        shell if _is(root, shell, stat.S_IFREG) else "/bin/sh",
        next((path for path in (home, "/root") if _is(root, path, stat.S_IFDIR)), "/"),
    )


def _is(root: Path, path: str, kind: int) -> bool:
    """Whether something can be executed, or entered."""
    if not path.startswith("/") or "\0" in path:
        return False
    try:
        with opened_in_root(root, path, os.O_PATH) as found:
            mode = os.fstat(found).st_mode
    except OSError:
        return False
    return stat.S_IFMT(mode) == kind and bool(mode & 0o111)
