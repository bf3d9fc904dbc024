"""
Listening sockets that whoever has started this process has opened for it: systemd, by a C{.socket}
unit, or podman (sd_listen_fds(3)).  They stay open while the process is started anew, and whoever
connects meanwhile waits in their backlog.

Twisted's reader of the same variables (C{twisted.python.systemd}) has one socket for a name, where
a unit has one for each C{ListenStream=}, and takes what is wrong for nothing at all.  It takes them
out of C{os.environ}, too, when C{twisted.internet.endpoints} is imported: they are read from where
the kernel keeps them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from httpd.listening.sockets import prepared
from httpd.texts import quoted

_FIRST = 3
"""C{SD_LISTEN_FDS_START}."""

_VARIABLES = ("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class PassedSocket:
    """
    One of them.

    @ivar name: what its unit calls it (C{FileDescriptorName=}).
    @ivar descriptor: its number in this process.
    """

    name: str
    descriptor: int

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        with self._duplicate() as listening:
            return int(listening.getsockname()[1])

    @property
    def is_usable(self) -> bool:
        """Whether it is a TCP socket that listens."""
        try:
            duplicate = self._duplicate()
        except OSError:
            return False
        with duplicate as found:
            return (
                found.family in {socket.AF_INET, socket.AF_INET6}
                and found.type == socket.SOCK_STREAM
                and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
            )

    def bind(self, _port: int) -> socket.socket:
        """Take it: what L{listening_socket<httpd.listening.sockets.listening_socket>} makes."""
        return prepared(socket.socket(fileno=self.descriptor))

    def _duplicate(self) -> socket.socket:
        return socket.socket(fileno=os.dup(self.descriptor))


def start_environment() -> dict[str, str]:
    """What this process was started with (C{/proc/self/environ}, proc(5)); empty elsewhere."""
    try:
        variables = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(one).partition("=") for one in variables if one)
    return {name: value for name, _, value in pairs}


def passed_sockets(environment: Mapping[str, str]) -> tuple[PassedSocket, ...]:
    """
    The sockets that have been passed to this process; none where it was started without.

    @param environment: that of its start.
    @raise ValueError: what says so is wrong; one line.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = environment.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdecimal()):
        raise ValueError(f"LISTEN_FDS: {quoted(count)}; expected how many sockets are passed")
    names = environment.get("LISTEN_FDNAMES", ":".join(["unknown"] * int(count))).split(":")
    if int(count) and len(names) != int(count):
        raise ValueError(
            f"LISTEN_FDNAMES: {len(names)} names, and LISTEN_FDS is {count}; expected a name for"
            " each socket, with colons between them"
        )
    return tuple(PassedSocket(name, n) for n, name in enumerate(names[: int(count)], _FIRST))


def take_passed_sockets(environment: MutableMapping[str, str]) -> tuple[PassedSocket, ...]:
    """
    Those of L{passed_sockets}, which no child of this process is told of, or inherits.

    @param environment: that of its children.
    @raise ValueError: what says so is wrong; one line.
    """
    passed = passed_sockets(start_environment())
    for one in passed:
        os.set_inheritable(one.descriptor, False)
    for name in _VARIABLES:
        environment.pop(name, None)
    return passed


def socket_problems(environment: Mapping[str, str], found: Mapping[str, object]) -> Iterator[str]:
    """
    What is wrong with passed sockets, one line each, in the manner of the settings' own problems.

    @param environment: that of the process's start.
    @param found: the settings that could be read, by their
        L{keys<httpd.settings.setting.Setting.key>}.
    """
    try:
        passed = passed_sockets(environment)
    except ValueError as error:
        yield str(error)
        return
    for one in passed:
        if not one.is_usable:
            yield (
                f"LISTEN_FDS: {one.descriptor} ({one.name}) is no TCP socket that listens; expected"
                " ListenStream= with a port, and Accept=no"
            )
    if passed:
        yield from _contradictions({one.name for one in passed}, found)


def _contradictions(names: set[str], found: Mapping[str, object]) -> Iterator[str]:
    """What does not fit the settings."""
    if found.get("https_cert_file") is None:
        if "https" in names:
            yield (
                "LISTEN_FDNAMES: https, and there is no certificate; expected HTTPS_KEY_FILE and"
                " HTTPS_CERT_FILE, or a socket called http"
            )
    elif names == {"http"}:
        yield (
            "LISTEN_FDNAMES: http alone, and HTTPS_CERT_FILE is set; expected a socket called https"
            " besides, or no certificate"
        )
    elif found.get("http_listen_port") is not None and "http" not in names:
        yield (
            "HTTP_LISTEN_PORT: set, and no socket called http is passed; expected one"
            " (FileDescriptorName=http), or no HTTP_LISTEN_PORT"
        )
