"""Small root file systems that can be logged in to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.running import found_program

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"


def busybox_root(root: Path) -> Path:
    """One in which all programs are busybox, which needs nothing else."""
    for name in ("bin", "etc", "root", "usr", "var"):
        (root / name).mkdir(parents=True)
    busybox = root / "bin/busybox"
    shutil.copy(found_program("busybox"), busybox)
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    for applet in {*applets.stdout.split()} - {"busybox"}:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text(PASSWD)
    return root


def python_root(root: Path) -> Path:
    """The same with the Python that runs the tests, at C{/usr/bin/python3}."""
    busybox_root(root)
    program = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    ignored = shutil.ignore_patterns("test", "site-packages", "dist-packages", "*.pyc", "idlelib")
    shutil.copytree(library, root / library.relative_to("/"), ignore=ignored, symlinks=True)
    for needed in (program, *_libraries(program, *(library / "lib-dynload").glob("*.so"))):
        copy = root / needed.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(needed, copy)
    (root / "usr/bin").mkdir(exist_ok=True)
    (root / "usr/bin/python3").symlink_to(program)
    return root


def _libraries(*programs: Path) -> list[Path]:
    """What ld.so(8) would load for them."""
    said = subprocess.run(
        [found_program("ldd"), *programs], capture_output=True, text=True, check=False
    )
    words = {word for line in said.stdout.splitlines() for word in line.split() if word[0] == "/"}
    return [Path(word) for word in sorted(words) if Path(word).is_file()]


def tree(root: Path) -> dict[str, tuple[int, str]]:
    """Everything in it: its mode, and what it holds or links to."""
    found = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(folder, name)
            if path.is_symlink():
                holds = str(path.readlink())
            else:
                holds = str(path.stat().st_size) if path.is_file() else ""
            found[str(path.relative_to(root))] = path.lstat().st_mode, holds
    return found
