"""In place of C{kiwi-ng}: makes a root file system of what C{config.xml} says, in its folder."""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--type", required=True)
    parser.add_argument("words", nargs=2)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--target-dir", type=Path, required=True)
    given = parser.parse_args()
    assert (given.type, given.words) == ("tbz", ["system", "build"])
    description = (given.description / "config.xml").read_text()
    _make_root(given.target_dir / "build/image-root", description)
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
        print(f"limit {resource.getrlimit(limit)[0] >> 30} GiB")
    print("debugging" if given.debug else "building", flush=True)
    once = re.search("<once>(.*)</once>", description)
    if "<slow/>" in description or (once and not Path(once[1]).exists()):
        if once:
            Path(once[1]).touch()
        print("slowly", flush=True)
        time.sleep(3600)
    if "<loud/>" in description:
        for _ in range(20_000):
            print("x" * 1000)
    if "<fails/>" in description:
        sys.exit("no such package")


def _make_root(root: Path, description: str) -> None:
    (root / "boot").mkdir(parents=True)
    for name in ("vmlinuz", "initrd"):
        (root / "boot" / name).write_text(f"{name} of kiwi")
    (root / "description").write_text(description)
    for folder in ("bin", "etc/issue.d"):
        (root / folder).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", root / "bin/sh")


main()
