"""What is known of a remote build node, and what it is asked for that."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from httpd.texts import quoted, shortened
from image_management.jobs.nodes.commands import Finished, SshError
from image_management.records.words import Architecture

UNKNOWN = "Unknown"
"""What nobody has found out."""

PODMAN = "/usr/bin/podman"
"""What runs jobs on a node, by this path."""

_log = Logger()

LOGGED_IN = "logged in as root"

_FOLDERS = "find /tmp/ -maxdepth 1 -type d -name 'ims_*'"
"""Each job has one while it lasts; with its slash /tmp may be a link."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What is known of a node.  What could not be found out says why; what follows is not known."""

    xname: str
    ssh: str = UNKNOWN
    """Whether root can log in."""
    arch: str = UNKNOWN
    """An L{Architecture}, in the node's words."""
    podman: str = UNKNOWN
    """Where podman is."""
    jobs: int = -1
    """How many jobs it works on; -1: nobody knows."""

    @property
    def able(self) -> bool:
        """Whether jobs can go to it: all that was asked has its answer."""
        return self.jobs >= 0

    def document(self) -> Mapping[str, Any]:
        """As the API shows it."""
        return {
            "xname": self.xname,
            "sshStatus": self.ssh,
            "podmanStatus": self.podman,
            "nodeArch": self.arch,
            "numCurrentJobs": self.jobs,
            "ableToRunJobs": self.able,
        }


Ask = Callable[[str], Coroutine[Deferred[Any], Any, Finished]]
"""Has a node run a command; raises L{SshError}."""


async def ask_all(ask: Ask, status: NodeStatus) -> NodeStatus:
    """
    Ask a node, to which one can log in, one thing after the other, until an answer is not good.

    @param status: what is known so far.
    """
    try:
        status = replace(status, arch=_arch(await ask("uname -m")))
    except SshError as error:
        return replace(status, arch=str(error))
    try:
        status = replace(status, podman=_podman(await ask("command -v podman")))
    except SshError as error:
        return replace(status, podman=str(error))
    try:
        return replace(status, jobs=_jobs(await ask(_FOLDERS)))
    except SshError as error:
        _log.warn("jobs of remote build node {xname}: {error}", xname=status.xname, error=error)
        return status


def _arch(finished: Finished) -> str:
    arch = _text(finished, "uname -m")
    if arch not in set(Architecture):
        raise SshError(f"{quoted(arch)}; expected {' or '.join(Architecture)}")
    return arch


def _podman(finished: Finished) -> str:
    path = finished.output.decode("utf-8", "replace").strip()
    if finished.status or not path:
        raise SshError(f"podman is not there; expected {PODMAN}")
    if path != PODMAN:
        raise SshError(f"podman is {quoted(path)}; expected {PODMAN}")
    return path


def _jobs(finished: Finished) -> int:
    return len(_text(finished, "find /tmp").splitlines())


def _text(finished: Finished, program: str) -> str:
    """
    What a program has said.

    @raise SshError: it has failed.
    """
    if finished.status == 0:
        return finished.output.decode("utf-8", "replace").strip()
    how = "by a signal" if finished.status is None else f"with status {finished.status}"
    said = quoted(shortened(finished.errors.decode("utf-8", "replace").strip()))
    raise SshError(f"{program} ended {how}: {said}")
