"""
Listening for connections, in clear and over TLS, by IPv4 and IPv6.

Knows nothing of what is served: any factory will do.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import Factory, ServerFactory
from twisted.logger import Logger

from httpd.streaming.sender_threads import SenderThreads
from httpd.streaming.sendfile import SendfileServer
from httpd.streaming.tls_transport import TlsServer, TlsSide

BACKLOG = 1024
"""
Connections that the kernel holds until they are accepted; it holds no more than
C{net.core.somaxconn} either.  Beyond it a client's connect takes longer.
"""
_UNSENT = 256 * 1024
"""
Bytes that the kernel takes of what cannot be sent yet (C{TCP_NOTSENT_LOWAT}, tcp(7)).  By itself it
takes some MiB for each client, and a crowd of slow ones leaves none for the others
(C{net.ipv4.tcp_mem}); more than this makes nobody faster.
"""


class CannotListen(Exception):
    """A port is not to be had; the text says which and why, in one line."""


def listening_socket(port: int) -> socket.socket:
    """
    A socket that listens on every address of the machine, IPv4's through the same socket as
    IPv6's where the system has IPv6.

    @param port: TCP port; 0 for any free one.
    @raise OSError: the port is not to be had.
    """
    if socket.has_dualstack_ipv6():
        return _prepared(
            socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        )
    return ipv4_socket(port)


def ipv4_socket(port: int) -> socket.socket:
    """
    A socket that listens on every IPv4 address of the machine.

    @param port: TCP port; 0 for any free one.
    @raise OSError: the port is not to be had.
    """
    return _prepared(socket.create_server(("0.0.0.0", port), backlog=BACKLOG))  # noqa: S104


def _prepared(listening: socket.socket) -> socket.socket:
    # What is accepted inherits this (tcp(7)); without it the end of an answer waits for the
    # client's acknowledgement of its beginning.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    listening.setblocking(False)
    return listening


class Listener(Service):
    """
    Serves a factory on a port, from start to stop.

    The port is bound while the service starts, so that a port that is not to be had is an error
    then, and not a line of log afterwards.
    """

    _log = Logger()
    _port: IListeningPort | None = None

    def __init__(
        self,
        reactor: IReactorSocket,
        port: int,
        factory: Factory[Any],
        tls: TlsSide | None = None,
        bind: Callable[[int], socket.socket] = listening_socket,
    ) -> None:
        """
        @param port: TCP port; 0 for any free one.
        @param factory: makes the protocol of each connection.
        @param tls: makes the TLS side of each connection; C{None}: they are in clear.
        @param bind: makes the listening socket of a port.
        """
        self._reactor = reactor
        self._wanted = port
        self._scheme = "http" if tls is None else "https"
        self._bind = bind
        factory.noisy = False
        self._factory = factory
        self._transport = (
            partial(SendfileServer, SenderThreads()) if tls is None else partial(TlsServer, tls)
        )

    @property
    def port(self) -> int:
        """
        The port that is listened on.

        @raise RuntimeError: none is.
        """
        if self._port is None:
            raise RuntimeError("not listening")
        return cast(IPv4Address | IPv6Address, self._port.getHost()).port

    def privilegedStartService(self) -> None:
        """
        Begin to listen.

        @raise CannotListen: the port is not to be had.
        """
        if self._port is not None:
            return
        try:
            listening = self._bind(self._wanted)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CannotListen(f"cannot listen on port {self._wanted}: {reason}") from None
        with listening:  # the reactor works on a duplicate
            self._port = self._reactor.adoptStreamPort(
                listening.fileno(), listening.family, cast("ServerFactory[Any]", self._factory)
            )
            setattr(self._port, "transport", self._transport)  # noqa: B010  the class's default
            address = "[::]" if listening.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104
        self._log.info(
            "listening on {scheme}://{listening}",
            scheme=self._scheme,
            listening=f"{address}:{self.port}",
            port=self.port,
        )

    def startService(self) -> None:
        """
        Begin to listen, unless that has been done with privileges.

        @raise CannotListen: the port is not to be had.
        """
        self.privilegedStartService()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """Accept no more connections; those that are open go on.  Fires when that is so."""
        Service.stopService(self)
        port, self._port = self._port, None
        closed = None if port is None else port.stopListening()
        return closed or succeed(None)


class Ports(Protocol):
    """The settings that say where is listened."""

    @property
    def listen_port(self) -> int:
        """Of the TLS listener, or without certificate of the plain one."""

    @property
    def http_listen_port(self) -> int | None:
        """Of a plain listener besides the TLS one, or without certificate instead of it."""


class MakeSite(Protocol):
    """Makes what a listener serves."""

    def __call__(self, *, beside_tls: bool) -> Factory[Any]:
        """
        Make it.

        @param beside_tls: whether the listener is the plain one beside one with TLS.
        """


def listeners(
    ports: Ports,
    site: MakeSite,
    sockets: IReactorSocket,
    tls: TlsSide | None,
    bind: Callable[[int], socket.socket] = listening_socket,
) -> Iterator[Listener]:
    """
    The TLS listener and the plain one besides; without certificate a plain one alone.

    @param sockets: adopts listening sockets: the reactor, unless others listen on them, too.
    @param bind: makes the listening socket of a port.
    """
    plain = ports.http_listen_port
    if tls is None:
        port = ports.listen_port if plain is None else plain
        yield Listener(sockets, port, site(beside_tls=False), None, bind)
        return
    yield Listener(sockets, ports.listen_port, site(beside_tls=False), tls, bind)
    if plain is not None:
        yield Listener(sockets, plain, site(beside_tls=True), None, bind)
