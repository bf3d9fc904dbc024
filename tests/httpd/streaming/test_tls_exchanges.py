"""What goes over TLS on the socket itself; clients have another TLS library, of TLS 1.2 and 1.3."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.threads import deferToThread
from zope.interface.verify import verifyObject

from httpd.concurrency.threads import threads_of
from httpd.streaming.disk import DiskFile
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.streaming.tls_serving import Scripted, ServedTestCase
from tests.transports import server_identity

_VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


class ExchangeTests(ServedTestCase):
    """What is written arrives, in order, whole, and nothing else does."""

    def file(self, size: int) -> DiskFile:
        path = Path(self.mktemp())
        path.write_bytes(random.Random(size).randbytes(size))
        return DiskFile(path, threads_of(trial_reactor()))

    async def test_interface(self) -> None:
        self.serve()

        def come() -> None:
            with self.client():
                verifyObject(ISSLTransport, self.connected[0].transport)
                self.assertIsNone(self.connected[0].transport.getPeerCertificate())

        await deferToThread(come)
        await self.ended()

    async def test_bytes_and_regions(self) -> None:
        """Of any sizes, in any order, to clients that read anyhow and have small buffers."""
        file = self.file(5_000_000)
        content = file.path.read_bytes()
        for seed in range(12):
            chance = random.Random(seed)
            pieces: list[Any] = []
            expected = bytearray()
            for _ in range(chance.randint(1, 12)):
                size = chance.choice([1, 100, 16_384, 16_385, 300_000, 1_000_000])
                start = chance.randint(0, len(content) - size)
                expected += content[start : start + size]
                as_bytes = chance.random() < 0.5
                pieces.append(
                    content[start : start + size] if as_bytes else file.region(start, size)
                )

            def write(protocol: Scripted, pieces: list[Any] = pieces) -> None:
                for piece in pieces:
                    protocol.transport.write(piece)
                protocol.transport.loseConnection()

            def take(version: ssl.TLSVersion, chance: random.Random) -> bytes:
                received = bytearray()
                with self.client(version, chance.choice([0, 4096, 65_536])) as client:
                    while data := client.recv(chance.choice([1, 1000, 100_000])):
                        received += data
                return bytes(received)

            for version in _VERSIONS.values():
                self.serve(write)
                received = await deferToThread(take, version, chance)
                self.assertTrue(received == expected, f"seed {seed}")
                (reason,) = await self.ended()
                self.assertIsInstance(reason, ConnectionDone)

    async def test_echo(self) -> None:
        """What clients write in pieces of any size arrives, too."""

        def talk(version: ssl.TLSVersion) -> None:
            chance = random.Random(version)
            with self.client(version) as client:
                for _ in range(60):
                    sent = chance.randbytes(chance.choice([1, 2, 5000, 16_384, 16_385, 70_000]))
                    client.sendall(sent)
                    echoed = bytearray()
                    while len(echoed) < len(sent):
                        echoed += client.recv(chance.choice([1, 100_000]))
                    self.assertEqual(echoed, sent)

        for version in _VERSIONS.values():
            self.serve(echo=True)
            await deferToThread(talk, version)
            await self.ended()

    async def test_echo_to_who_reads_later(self) -> None:
        """OpenSSL is given more and more behind what it has begun with, and each byte goes once."""

        def talk(version: ssl.TLSVersion) -> None:
            chance = random.Random(version)
            with self.client(version, buffer=4096) as client:
                sent = bytearray()
                while len(sent) < 6_000_000:
                    part = chance.randbytes(chance.choice([1, 100, 16_384, 40_000]))
                    client.sendall(part)
                    sent += part
                received = bytearray()
                while len(received) < len(sent):
                    received += client.recv(chance.choice([1000, 100_000]))
                self.assertTrue(received == sent)

        for version in _VERSIONS.values():
            self.serve(echo=True)
            await deferToThread(talk, version)
            await self.ended()

    async def test_handshake_by_single_bytes(self) -> None:
        self.serve(echo=True)

        def talk() -> bytes:
            context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            steps: list[Callable[[], Any]] = [
                tls.do_handshake, lambda: tls.write(b"hello"), lambda: tls.read(5)
            ]  # fmt: skip
            with self.bare() as bare:
                bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for step in steps:
                    while True:
                        try:
                            result = step()
                            break
                        except ssl.SSLWantReadError:
                            for byte in outgoing.read():
                                bare.sendall(bytes([byte]))
                            incoming.write(bare.recv(1))
            return bytes(result)

        self.assertEqual(await deferToThread(talk), b"hello")
        await self.ended()

    async def test_many_at_once(self) -> None:
        """Connections share the buffer, and each gets its own bytes."""
        file = self.file(3_000_000)
        content = file.path.read_bytes()

        def write(protocol: Scripted) -> None:
            start = len(self.connected) * 1000
            protocol.transport.write(b"%d\n" % start)
            for offset in range(start, start + 2_000_000, 500_000):
                protocol.transport.write(file.region(offset, 500_000))
            protocol.transport.loseConnection()

        def take(seed: int) -> None:
            received = bytearray()
            with self.client(buffer=4096) as client:
                while data := client.recv(random.Random(seed).randint(1, 50_000)):
                    received += data
            start, _, body = received.partition(b"\n")
            self.assertTrue(body == content[int(start) : int(start) + 2_000_000])

        self.serve(write)
        for taken in [deferToThread(take, seed) for seed in range(10)]:
            await taken
        await self.ended(10)

    async def test_file_that_must_be_brought(self) -> None:
        """A file system that cannot say what is at hand: each turn is read in a thread before."""
        file = DiskFile(Path("/proc/version"), threads_of(trial_reactor()))
        expected = file.path.read_bytes()

        def write(protocol: Scripted) -> None:
            protocol.transport.write(b"before ")
            protocol.transport.write(file.region(0, len(expected)))
            protocol.transport.write(b"after")
            protocol.transport.loseConnection()

        self.serve(write)
        self.assertEqual(await deferToThread(self.take_all), b"before " + expected + b"after")

    def take_all(self) -> bytes:
        """Everything until the end; what has come before an abort is lost."""
        received = b""
        with self.client() as client:
            while data := client.recv(65536):
                received += data
        return received

    async def test_file_that_ends_early(self) -> None:
        """The connection is cut, so that the client does not take it for the end."""
        file = self.file(1000)
        self.serve(lambda protocol: protocol.transport.write(file.region(500, 1000)))
        with self.assertRaises((ssl.SSLEOFError, ConnectionResetError)):
            await deferToThread(self.take_all)
        await self.ended()
