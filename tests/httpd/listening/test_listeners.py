"""Listeners, on real sockets of the machine that the tests run on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from httpd.listening.listeners import CannotListen, Listener
from httpd.listening.sockets import ipv4_socket, listening_socket
from httpd.listening.tls import ServerTls, TlsFiles
from tests.certificates import identity


class Greeting(Protocol):
    """Says something and hangs up."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")
        self.transport.loseConnection()


class Silent(Protocol):
    """Stays, and tells of itself."""

    def connectionMade(self) -> None:
        self.factory.connected.callback(self)


class Received(Protocol):
    """Collects what the peer says."""

    def __init__(self) -> None:
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.data)


class ListenerTests(TestCase):
    """What a listener does from start to stop."""

    def setUp(self) -> None:
        self.reactor: Any = reactor

    def listener(
        self,
        port: int = 0,
        tls: ServerTls | None = None,
        bind: Callable[[int], socket.socket] = listening_socket,
    ) -> Listener:
        factory = Factory.forProtocol(Greeting)
        return Listener(self.reactor, port, factory, tls, bind)

    def started(self, listener: Listener) -> Listener:
        listener.privilegedStartService()
        listener.startService()
        self.addCleanup(listener.stopService)
        return listener

    async def said(self, host: str, port: int, tls: Any = None) -> bytes:
        endpoint: Any = HostnameEndpoint(self.reactor, host, port)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        received = Received()
        await connectProtocol(endpoint, received)
        return await received.done

    async def test_ipv4(self) -> None:
        listener = self.started(self.listener())
        self.assertEqual(await self.said("127.0.0.1", listener.port), b"hello")

    async def test_ipv6(self) -> None:
        """One port serves both; where the system has no IPv6 the rule has no say."""
        if not socket.has_dualstack_ipv6():
            self.skipTest("no IPv6 here")
        listener = self.started(self.listener())
        self.assertEqual(await self.said("::1", listener.port), b"hello")
        self.assertEqual(await self.said("127.0.0.1", listener.port), b"hello")

    async def test_ipv4_where_there_is_no_ipv6(self) -> None:
        listener = self.started(self.listener(bind=ipv4_socket))
        self.assertEqual(await self.said("127.0.0.1", listener.port), b"hello")

    async def test_tls(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        me = identity("images.example.com")
        listener = self.started(self.listener(tls=ServerTls(TlsFiles(*me.write(directory)))))
        trusted = Certificate.loadPEM(me.certificate_pem)
        options = optionsForClientTLS("images.example.com", trusted)
        self.assertEqual(await self.said("127.0.0.1", listener.port, options), b"hello")

    async def test_accepted_sockets(self) -> None:
        """
        The end of an answer does not wait for the acknowledgement of its beginning, and the kernel
        takes little in advance for a client that does not read.
        """
        factory = Factory.forProtocol(Silent)
        factory.connected = Deferred()  # type: ignore[attr-defined]
        listener = self.started(Listener(self.reactor, 0, factory))
        client = await connectProtocol(
            HostnameEndpoint(self.reactor, "127.0.0.1", listener.port), Received()
        )
        accepted = await factory.connected  # type: ignore[attr-defined]
        self.assertTrue(accepted.transport.getTcpNoDelay())
        advance = accepted.transport.getHandle().getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT
        )
        self.assertTrue(0 < advance <= 1 << 20, advance)
        accepted.transport.loseConnection()
        await client.done

    def test_busy_port_is_an_error_of_the_start(self) -> None:
        listener = self.started(self.listener())
        second = self.listener(listener.port)
        with self.assertRaises(CannotListen) as caught:
            second.privilegedStartService()
        self.assertEqual(
            str(caught.exception),
            f"cannot listen on port {listener.port}: Address already in use",
        )
        self.assertFalse(second.running)

    def test_busy_ipv4_port(self) -> None:
        """A port that is taken for IPv4 alone is not to be had either."""
        other = socket.create_server(("0.0.0.0", 0))
        self.addCleanup(other.close)
        with self.assertRaisesRegex(CannotListen, "Address already in use"):
            self.listener(other.getsockname()[1]).privilegedStartService()

    async def test_log(self) -> None:
        with capturedLogs() as events:
            plain = self.started(self.listener())
        facts = [event for event in events if "listening" in event]
        self.assertEqual(len(facts), 1)
        self.assertEqual(facts[0]["scheme"], "http")
        self.assertEqual(facts[0]["port"], plain.port)
        self.assertTrue(facts[0]["listening"].endswith(f":{plain.port}"))
        self.assertFalse([event for event in events if "factory" in event], "Twisted's chatter")

    async def test_start_without_privileged_start(self) -> None:
        listener = self.listener()
        listener.startService()
        self.addCleanup(listener.stopService)
        self.assertEqual(await self.said("127.0.0.1", listener.port), b"hello")

    async def test_stop(self) -> None:
        listener = self.listener()
        listener.startService()
        port = listener.port
        await listener.stopService()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
        with self.assertRaises(RuntimeError):
            _ = listener.port
        await listener.stopService()

    async def test_stop_closes_the_socket(self) -> None:
        """The port can be had again at once."""
        listener = self.listener()
        listener.startService()
        port = listener.port
        await listener.stopService()
        listening_socket(port).close()
