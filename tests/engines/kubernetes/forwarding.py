"""Ports of the host's address among pods, which lead to servers on loopback."""

from __future__ import annotations

from typing import Any

from twisted.protocols.portforward import ProxyFactory
from twisted.trial.unittest import TestCase

from tests.httpd.outbound.servers import trial_reactor


class Forward(ProxyFactory):
    """
    A port.

    @ivar port: the one on loopback that it leads to.
    @ivar own_port: its own.
    """

    noisy = False

    def __init__(self, test: TestCase, address: str, own_port: int = 0) -> None:
        """
        @param own_port: which it wants; 0: any.
        """
        super().__init__("127.0.0.1", 0)
        listening: Any = trial_reactor().listenTCP(own_port, self, interface=address)
        self.own_port: int = listening.getHost().port
        test.addCleanup(listening.stopListening)
