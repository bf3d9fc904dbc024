"""The programs that this host needs to work on jobs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

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
    What is missing, one sentence each.

    @param kiwi: the program that builds images.
    """
    if os.geteuid() != 0:
        yield "local jobs need root: to unpack root file systems, and to shut them in"
    for tool, package in _PACKAGES.items():
        if shutil.which(tool) is None:
            yield f"local jobs need {tool}, of the package {package}"
    if shutil.which(kiwi) is None:
        yield f"local jobs need {kiwi}, of the Python package kiwi; IMS_KIWI says where it is"
