"""
C{python -m tests.docs.cluster ADDRESS IMAGE}: a Kubernetes with a node, for pages: C{kubectl} is in
C{~/bin} and finds it, there is storage for a claim, and it has the container image by this name.
ADDRESS is this machine, as pods see it.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.deploy.containers import archived_image
from tests.engines.kubernetes.control_plane import control_plane, kubectl
from tests.engines.kubernetes.node import Node


def run_cluster(address: str, name: str) -> None:
    """
    Run it until Ctrl-C.

    @raise AssertionError: something of it does not start.
    """
    plane = control_plane()
    node = Node(plane, address)
    atexit.register(node.end)
    node.start()
    node.add_volume()
    with TemporaryDirectory(dir="/var/tmp") as directory:
        # It takes OS images as small as those of pages.
        small = ("MIN_KERNEL_BYTES=1", "MIN_ROOTFS_BYTES=1")
        node.add_image(archived_image(Path(directory), name, *small))
    (Path.home() / "bin").mkdir()
    (Path.home() / "bin/kubectl").symlink_to(kubectl())
    (Path.home() / ".kube").mkdir()
    shutil.copy(plane.kubeconfig, Path.home() / ".kube/config")
    print("ready", flush=True)
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    run_cluster(*sys.argv[1:])
