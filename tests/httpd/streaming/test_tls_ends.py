"""How connections with TLS on the socket itself begin and end, or never begin."""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import ssl
import struct
import weakref
from collections.abc import Callable
from pathlib import Path

from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from httpd.concurrency.threads import threads_of
from httpd.listening.tls import TlsFiles
from httpd.streaming.disk import DiskFile
from tests.certificates import identity
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.streaming.tls_serving import Scripted, ServedTestCase
from tests.transports import server_identity

_CLOSE_NOTIFY = bytes([21, 3, 3, 0, 2, 1, 0])
"""An alert in clear: warning, close_notify (RFC 5246, section 7.2.1)."""


class EndTests(ServedTestCase):
    """How connections come to their end."""

    async def test_orderly(self) -> None:
        """The client gets C{close_notify}, and then the end, without having to close first."""

        def take() -> None:
            with self.client() as client:
                self.assertEqual(client.recv(10), b"bye")
                self.assertEqual(client.recv(10), b"")
                self.assertFalse(self.connected[0].lost.called)
                client.unwrap().close()

        def write(protocol: Scripted) -> None:
            protocol.transport.write(b"bye")
            protocol.transport.loseConnection()

        self.serve(write)
        await deferToThread(take)
        (reason,) = await self.ended()
        self.assertIsInstance(reason, ConnectionDone)

    async def test_client_that_does_not_close(self) -> None:
        """It is the protocol's to cut it, and it can."""
        self.serve(lambda protocol: protocol.transport.write(b"hello"))
        with self.bare() as bare:
            await deferToThread(self.shake_hands, bare)
            (protocol,) = self.connected
            protocol.transport.loseConnection()
            await deferToThread(self.until_end, bare)
            self.assertFalse(protocol.lost.called)
            protocol.transport.abortConnection()
            await protocol.lost
            with self.assertRaises(ConnectionError):
                bare.sendall(b"x")
                bare.recv(1)

    def shake_hands(self, bare: socket.socket) -> None:
        """Leave C{bare} where it is, after a handshake."""
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        client = context.wrap_socket(bare.dup(), server_hostname="localhost")
        self.assertEqual(client.recv(5), b"hello")
        client.close()  # the duplicate

    def until_end(self, bare: socket.socket) -> None:
        while bare.recv(1000):
            pass

    async def test_client_that_closes(self) -> None:
        """With and without C{close_notify}, and by a reset, while much is being sent."""
        path = Path(self.mktemp())
        path.write_bytes(bytes(10_000_000))
        file = DiskFile(path, threads_of(trial_reactor()))

        def close_notify(client: ssl.SSLSocket) -> None:
            client.settimeout(0.0)
            with contextlib.suppress(OSError):  # it does not wait for the answer
                client.unwrap()

        def reset(client: ssl.SSLSocket) -> None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def leave(how: Callable[[ssl.SSLSocket], None]) -> None:
            with self.client(buffer=4096) as client:
                client.recv(1)
                how(client)

        def write(protocol: Scripted) -> None:
            for _ in range(10):
                protocol.transport.write(file.region(0, 1 << 20))

        for how in (close_notify, reset, lambda _: None):
            self.serve(write)
            await deferToThread(leave, how)
            await self.ended()

    async def test_nothing_is_left(self) -> None:
        """What a client that is lost has not taken is freed at once, without the collector."""
        self.serve(lambda protocol: protocol.transport.write(bytes(10_000_000)))

        def leave() -> None:
            with self.client(buffer=4096) as client:
                client.recv(1)

        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        await deferToThread(leave)
        (protocol,) = self.connected
        transport = weakref.ref(protocol.transport)
        await self.ended()
        del protocol
        self.connected.clear()
        # The reactor itself holds on to what it has called last.
        await deferLater(trial_reactor(), 0)
        self.assertIsNone(transport())

    async def test_lost_before_tls_has_begun(self) -> None:
        self.serve(lambda protocol: protocol.transport.loseConnection())
        with self.bare() as bare, self.assertRaises(ConnectionResetError):
            await deferToThread(bare.recv, 1)
        await self.ended()


class HandshakeTests(ServedTestCase):
    """Handshakes that come to nothing are the end of their connection, and no error of ours."""

    async def answer_to(self, sent: bytes) -> bytes:
        """All that comes back, if anything does."""
        self.serve()

        def exchange() -> bytes:
            received = b""
            with self.bare() as bare:
                bare.sendall(sent)
                try:
                    while data := bare.recv(1000):
                        received += data
                except ConnectionResetError:
                    pass
            return received

        answer = await deferToThread(exchange)
        await self.ended()
        return answer

    async def test_garbage(self) -> None:
        answer = await self.answer_to(random.Random(0).randbytes(1000))
        self.assertLess(len(answer), 10)

    async def test_plain_http(self) -> None:
        answer = await self.answer_to(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))
        self.assertIn(b"This is an HTTPS port", answer)

    async def test_end_instead_of_a_beginning(self) -> None:
        self.assertLess(len(await self.answer_to(_CLOSE_NOTIFY)), 10)

    async def test_client_that_leaves_in_between(self) -> None:
        self.serve()

        def leave(sent: bytes) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            hello = ssl.MemoryBIO()
            tls = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            with self.bare() as bare:
                bare.sendall(hello.read())
                bare.recv(100)
                bare.sendall(sent)

        await deferToThread(leave, _CLOSE_NOTIFY)
        await deferToThread(leave, b"")
        await self.ended(2)

    async def test_client_that_does_not_trust(self) -> None:
        self.serve()

        def come() -> None:
            with self.bare() as bare, self.assertRaises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(bare, server_hostname="localhost")

        await deferToThread(come)
        await self.ended()

    async def test_renewal(self) -> None:
        """Who comes gets the certificate that is new; who is there stays."""
        self.serve(echo=True)
        renewed = identity("localhost")
        directory = Path(self.mktemp())
        directory.mkdir()
        context = TlsFiles(*renewed.write(directory)).context()

        def talk() -> bytes | None:
            with self.client() as client:
                client.sendall(b"a")
                client.recv(1)
                self.tls.use(context)
                client.sendall(b"b")
                self.assertEqual(client.recv(1), b"b")
            trusting = ssl.create_default_context(cadata=renewed.certificate_pem.decode())
            with trusting.wrap_socket(self.bare(), server_hostname="localhost") as client:
                client.sendall(b"c")
                return client.recv(1)

        self.assertEqual(await deferToThread(talk), b"c")
        await self.ended(2)
