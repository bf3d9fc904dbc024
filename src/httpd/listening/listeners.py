"""
Listening for connections, in clear and over TLS, by IPv4 and IPv6.

Knows nothing of what is served: any factory will do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Protocol, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import Factory, ServerFactory
from twisted.logger import Logger

from httpd.listening.places import Bind, Place
from httpd.listening.sockets import listening_socket
from httpd.streaming.sender_threads import SenderThreads
from httpd.streaming.sendfile import SendfileServer
from httpd.streaming.tls_transport import TlsServer, TlsSide


class CannotListen(Exception):
    """A port is not to be had; the text says which and why, in one line."""


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
        bind: Bind = listening_socket,
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
            host, port, *_ = listening.getsockname()
        self._log.info(
            "listening on {scheme}://{listening}",
            scheme=self._scheme,
            listening=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            port=port,
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


class MakeSite(Protocol):
    """Makes what a listener serves."""

    def __call__(self, *, beside_tls: bool) -> Factory[Any]:
        """
        Make it.

        @param beside_tls: whether the listener is the plain one beside one with TLS.
        """


def listeners(
    places: Sequence[Place], site: MakeSite, sockets: IReactorSocket
) -> Iterator[Listener]:
    """
    A listener for each place.

    @param sockets: adopts listening sockets: the reactor, unless others listen on them, too.
    """
    has_tls = any(place.tls is not None for place in places)
    for place in places:
        factory = site(beside_tls=has_tls and place.tls is None)
        yield Listener(sockets, place.port, factory, place.tls, place.bind)
