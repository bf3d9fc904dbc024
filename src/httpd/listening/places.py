"""Where a service listens: on ports that its settings name, or on sockets passed to it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from httpd.listening.passed_sockets import PassedSocket
from httpd.listening.sockets import listening_socket
from httpd.streaming.tls_transport import TlsSide

Bind = Callable[[int], socket.socket]
"""Makes the listening socket of a port; C{OSError}: the port is not to be had."""


class Ports(Protocol):
    """The settings that say where is listened."""

    @property
    def listen_port(self) -> int:
        """Of the TLS listener, or without certificate of the plain one."""

    @property
    def http_listen_port(self) -> int | None:
        """Of a plain listener besides the TLS one, or without certificate instead of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one listener is.

    @ivar port: TCP port; 0 for any free one.
    @ivar tls: makes the TLS side of each connection; C{None}: they are in clear.
    """

    port: int
    tls: TlsSide | None
    bind: Bind = listening_socket


def places_of(
    ports: Ports, passed: Iterable[PassedSocket], tls: TlsSide | None
) -> tuple[Place, ...]:
    """
    All of them: those of the sockets, where any is passed, and else those of the settings.

    A socket called C{http} is for plain connections.  Every other is for TLS, or without
    certificate for plain ones, too.
    """
    sockets = [Place(one.port, None if one.name == "http" else tls, one.bind) for one in passed]
    return tuple(sockets or _of_settings(ports, tls))


def _of_settings(ports: Ports, tls: TlsSide | None) -> Iterator[Place]:
    """The TLS listener and the plain one besides; without certificate a plain one alone."""
    plain = ports.http_listen_port
    if tls is None:
        yield Place(ports.listen_port if plain is None else plain, None)
        return
    yield Place(ports.listen_port, tls)
    if plain is not None:
        yield Place(plain, None)
