"""The programs that this host needs to work on jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from image_management.jobs.process_tree import UNSHARE, WITH_MOUNTS

_PACKAGES = {
    "unsquashfs": "squashfs-tools",
    "mksquashfs": "squashfs-tools",
    "bwrap": "bubblewrap",
    "setsid": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "prlimit": "util-linux",
    "rm": "coreutils",
    "du": "coreutils",
}
"""The packages of Debian and Fedora that have them."""


def missing_tools(kiwi: str) -> Iterator[str]:
    """
    What is missing, one sentence each.  Blocking, for some milliseconds.

    @param kiwi: the program that builds images.
    """
    if os.geteuid() != 0:
        yield "local jobs need root: to unpack root file systems, and to shut them in"
    missing = [tool for tool in _PACKAGES if shutil.which(tool) is None]
    for tool in missing:
        yield f"local jobs need {tool}, of the package {_PACKAGES[tool]}"
    if not missing and os.geteuid() == 0:
        yield from _missing_name_spaces()
    if shutil.which(kiwi) is None:
        yield f"local jobs need {kiwi}, of the Python package kiwi; IMS_KIWI says where it is"


def _missing_name_spaces() -> Iterator[str]:
    """What the kernel refuses: root may be shut in itself."""
    tried = subprocess.run(  # noqa: S603 - what it is stands there
        [*UNSHARE, *WITH_MOUNTS, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        said = " ".join(tried.stderr.split()) or f"unshare ended with status {tried.returncode}"
        yield (
            f"local jobs need process and mount name spaces of their own: {said}; expected root of"
            " a host, or of a container with CAP_SYS_ADMIN, and not in a chroot"
        )
