"""A root file system that somebody logs in to by SSH, until a signal file says that all is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from image_management.jobs.ssh.host_keys import HostKeys


class NoFreePort(Exception):
    """None of the ports can be listened on; the text says which, and why not the last."""


class BadRoot(Exception):
    """The root file system cannot be made a sandbox of; the text says why."""


class Signal(Enum):
    """What whoever is logged in says of the image, by a file that bears its name."""

    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Place:
    """What is opened, and to whom."""

    root: Path
    """The root file system, of which nothing else makes use meanwhile."""
    notes: Path
    """A file outside of the root: what was added to the root and has to be taken out again."""
    authorized_keys: str = field(repr=False)
    """Public keys, one a line."""
    environment: Mapping[str, str]
    """What a session's environment holds besides the usual; no secrets."""
    dkms: bool = False
    """Whether kernel modules are made in it: /sys is there then, and cannot be written to."""


class Shell:
    """
    An open root file system.

    @ivar port: where the SSH server listens.
    @ivar sessions: how many sessions there are now.
    @ivar idle_since: since when there is no session, by the reactor's clock; C{None}: there is one.
    """

    port: int
    sessions: int
    idle_since: float | None

    def signalled(self) -> Deferred[Signal]:
        """Fires within 2 s of a signal; may be asked for by several, and be cancelled."""
        raise NotImplementedError

    def signal(self, signal: Signal) -> None:
        """Signal, as the file of that name would."""
        raise NotImplementedError

    async def close(self) -> None:
        """
        Listen no more, and end all sessions, within 10 s or so.  The root stays as it is: it can be
        opened again, by another process too.  May be done again.
        """
        raise NotImplementedError

    async def clean(self) -> None:
        """
        Take signal files, and what was added for the sandbox, out of the root of a closed shell.
        May be done again.

        @raise OSError: it cannot be done.
        """
        raise NotImplementedError


async def open_shell(
    reactor: Any, place: Place, host_keys: HostKeys, ports: Sequence[int], interface: str = ""
) -> Shell:
    """
    Let the owners of the keys log in, as root, to a sandbox in which only the root file system is.

    @param ports: the first that is free is taken; 0 is any.
    @param interface: the address to listen on; empty: all.
    @raise NoFreePort: none is free.
    @raise BadRoot: there is no sandbox to be made of it.
    @raise OSError: what the sandbox needs cannot be added.
    """
    raise NotImplementedError
