"""
C{python -m image_management.jobs.local.unpack BYTES SECONDS}: unpacks a recipe and fills in its
templates.

The archive is its input, descriptor 3 has the dictionary as JSON, and the folder that it is started
in gets everything.  That folder becomes its root, and it nobody, before it looks at anything.
"""

from __future__ import annotations

# What is loaded when it is first used has to be there before the root is another.
import bz2  # noqa: F401
import ctypes
import gzip  # noqa: F401
import json
import lzma  # noqa: F401
import os
import pprint  # noqa: F401
import resource
import signal
import sys
import zlib  # noqa: F401
from pathlib import Path

import jinja2.debug  # noqa: F401

from image_management.jobs.local.templates import BadTemplate, fill_in
from image_management.jobs.local.unpacking import BadArchive, Bounds, unpack

DICTIONARY_FILE = 3
"""The descriptor."""

TEMPLATE_SECONDS = 60
"""For all templates of a recipe."""

_MOST_MEMORY = 1024**3
"""Bytes of address space."""

_NOBODY = 65534

_PR_SET_NO_NEW_PRIVS = 38
"""Of prctl(2)."""


def main() -> None:
    """Do it; the exit status says whether it is done."""
    most, seconds = map(int, sys.argv[1:])
    with os.fdopen(DICTIONARY_FILE) as file:
        dictionary = json.load(file)
    _become_nobody()
    recipe = Path("/")
    folder = os.open(recipe, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpack(sys.stdin.buffer, folder, Bounds(size=most))
        # SIGALRM ends it, whatever it is at.
        signal.alarm(seconds)
        told = fill_in(recipe, dictionary)
    except (BadArchive, BadTemplate) as error:
        sys.exit(f"recipe: {error}")
    if told:
        print(f"templates: {told}")  # noqa: T201 # it is what the log gets


def _become_nobody() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    here = Path.cwd()
    os.chown(here, _NOBODY, _NOBODY)
    os.chroot(here)
    os.chdir("/")
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    main()
