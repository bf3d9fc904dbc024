"""Names are looked up in threads that keep nothing else waiting."""

from __future__ import annotations

import sys
from socket import AF_INET, SOCK_STREAM, gaierror
from threading import current_thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from demo.service import ROOT
from httpd.outbound.names import look_names_up_apart
from tests.httpd.outbound.servers import trial_reactor
from tests.running import base_environment

_HOLDS_FOR_EVER = """
from threading import Event
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol
from httpd.outbound.names import look_names_up_apart

def look_up(*_):
    reactor.callFromThread(reactor.stop)
    Event().wait()

look_names_up_apart(reactor, look_up)
reactor.callWhenRunning(
    HostnameEndpoint(reactor, b"slow.example", 80, 3600).connect, Factory.forProtocol(Protocol)
)
reactor.run()
print("ended")
"""


class _WithItsResolver:
    """The reactor of the tests, but with a resolver of its own."""

    def __init__(self) -> None:
        directlyProvides(self, IReactorPluggableNameResolver)
        self.nameResolver: Any = None

    def installNameResolver(self, resolver: Any) -> None:  # noqa: N802
        self.nameResolver = resolver

    def __getattr__(self, name: str) -> Any:
        return getattr(trial_reactor(), name)


class LookUpTests(TestCase):
    timeout = 60

    def connect(self, name: bytes, *found: Any) -> Deferred[Any]:
        """
        Connect to a host that getaddrinfo finds so.

        @ivar threads: in which it has looked.
        """
        self.threads: list[str] = []

        def look_up(*_: object) -> list[Any]:
            self.threads.append(current_thread().name)
            if not found:
                raise gaierror("nobody")
            return list(found)

        reactor: Any = _WithItsResolver()
        look_names_up_apart(reactor, look_up)
        port = self.listening.getHost().port
        return HostnameEndpoint(reactor, name, port).connect(Factory.forProtocol(Protocol))

    def setUp(self) -> None:
        listening = trial_reactor().listenTCP(
            0, Factory.forProtocol(Protocol), interface="127.0.0.1"
        )
        self.listening: Any = listening
        self.addCleanup(self.listening.stopListening)

    async def test_addresses(self) -> None:
        port = self.listening.getHost().port
        here = (AF_INET, SOCK_STREAM, 6, "", ("127.0.0.1", port))
        connected = await self.connect(b"images.example", here)
        connected.transport.loseConnection()
        [thread] = self.threads
        self.assertIn("names", thread)

    async def test_none(self) -> None:
        with self.assertRaises(DNSLookupError):
            await self.connect(b"images.example")

    async def test_end(self) -> None:
        """A process whose name server does not answer ends all the same."""
        output, errors, status = await getProcessOutputAndValue(
            sys.executable, ["-c", _HOLDS_FOR_EVER], base_environment(), str(ROOT)
        )
        self.assertEqual((output, errors, status), (b"ended\n", b"", 0))
