"""The transports that listeners have, and clients for each, for tests that run over them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.tcp import Server

from httpd.listening.tls import ServerTls, TlsFiles
from httpd.streaming.sender_threads import SenderThreads
from httpd.streaming.sendfile import SendfileServer
from httpd.streaming.tls_transport import TlsServer
from tests.certificates import Identity, identity


class Wire:
    """Twisted's own transport, in clear."""

    transport: Callable[..., Server] = Server
    """What a listening port makes its connections with."""

    def endpoint(self, port: int) -> IStreamClientEndpoint:
        """Where clients connect to; C{port} is of the loopback."""
        return TCP4ClientEndpoint(reactor, "127.0.0.1", port)


class SendfileWire(Wire):
    """Files by sendfile(2)."""

    def __init__(self) -> None:
        self.transport = partial(SendfileServer, SenderThreads())


class SenderWire(Wire):
    """Files by threads, but for their beginnings."""

    def __init__(self) -> None:
        senders = SenderThreads(fast=0, trial=1, call=100_000)
        self.transport = partial(SendfileServer, senders)


class TlsWire(Wire):
    """TLS, as it comes."""

    def __init__(self) -> None:
        self.transport = partial(TlsServer, server_tls())

    def endpoint(self, port: int) -> IStreamClientEndpoint:
        """A client of Twisted's."""
        trusted: Any = Certificate.loadPEM(server_identity().certificate_pem)
        options = optionsForClientTLS("localhost", trusted)
        return wrapClientTLS(options, super().endpoint(port))


@cache
def server_identity() -> Identity:
    """Who the server over TLS is: C{localhost}."""
    return identity("localhost")


def server_tls() -> ServerTls:
    """The server's TLS, as it is by default."""
    with TemporaryDirectory() as directory:
        return ServerTls(TlsFiles(*server_identity().write(Path(directory))))
