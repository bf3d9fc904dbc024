"""Ports of the host's address among pods, which lead to servers on this host, or to pods."""

from __future__ import annotations

from typing import Any

from twisted.protocols.portforward import ProxyClientFactory, ProxyFactory, ProxyServer
from twisted.trial.unittest import TestCase

from tests.httpd.outbound.servers import trial_reactor


class _Forwarded(ProxyServer):
    """One connection."""

    def connectionMade(self) -> None:
        self.transport.pauseProducing()
        forward: Any = self.factory
        forward.connect(self.clientProtocolFactory, self)


class Forward(ProxyFactory):
    """
    A port.

    @ivar host: where it leads to.
    @ivar port: that one's.
    @ivar path: where it leads to instead, if it is not empty: a Unix socket.
    @ivar own_port: its own.
    """

    noisy = False
    protocol = _Forwarded

    def __init__(self, test: TestCase, address: str, own_port: int = 0) -> None:
        """
        @param own_port: which it wants; 0: any.
        """
        super().__init__("127.0.0.1", 0)
        self.path = ""
        listening: Any = trial_reactor().listenTCP(own_port, self, interface=address)
        self.own_port: int = listening.getHost().port
        test.addCleanup(listening.stopListening)

    def connect(self, client: type[ProxyClientFactory], server: ProxyServer) -> None:
        """Lead one there."""
        factory: Any = client()
        factory.setServer(server)
        reactor: Any = trial_reactor()
        if self.path:
            reactor.connectUNIX(self.path, factory)
        else:
            reactor.connectTCP(self.host, self.port, factory)
