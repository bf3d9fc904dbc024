"""Clients over TLS that do what few do, and what that means for them and for the others."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from twisted.internet.threads import deferToThread

from httpd.concurrency.threads import threads_of
from httpd.streaming.disk import DiskFile
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.streaming.tls_serving import Scripted, ServedTestCase
from tests.transports import server_identity


class CommandedTests(ServedTestCase):
    """C{openssl s_client}, which does on demand what no HTTP client is asked for."""

    def s_client(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-brief"]
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.kill)
        return process

    async def test_keys_are_renewed(self) -> None:
        """Also while records are under way to a client that does not read them just now."""
        path = Path(self.mktemp())
        path.write_bytes(random.Random(1).randbytes(6_000_000))
        file = DiskFile(path, threads_of(trial_reactor()))

        def write(protocol: Scripted) -> None:
            for offset in range(0, file.size, 1_000_000):
                protocol.transport.write(file.region(offset, 1_000_000))

        def take() -> bytes:
            process = self.s_client("-tls1_3")
            assert process.stdin is not None
            assert process.stdout is not None
            received = bytearray()
            with process:
                for _ in range(11):
                    process.stdin.write(b"K\n")  # a KeyUpdate that asks for another
                    process.stdin.flush()
                    received += process.stdout.read(500_000)
                received += process.stdout.read(500_000)
                # What it reads behind a command in the same read is lost.
                while _unread(process.stdin):
                    os.sched_yield()
                process.stdin.write(b"hello\n")
                process.stdin.close()  # and s_client closes
            return bytes(received)

        self.serve(write)
        received = await deferToThread(take)
        self.assertTrue(received == path.read_bytes())
        await self.ended()
        self.assertEqual(self.connected[0].received, b"hello\n")

    async def test_no_renegotiation(self) -> None:
        """It would let a client have the server compute, and a write wait for a read."""
        self.serve(echo=True)

        def ask() -> bytes:
            process = self.s_client("-tls1_2")
            assert process.stdin is not None
            assert process.stdout is not None
            with process:
                process.stdin.write(b"hello\n")
                process.stdin.flush()
                received = process.stdout.read(6)
                process.stdin.write(b"R\n")
                process.stdin.flush()
                assert process.stderr is not None
                return received + process.stderr.read()

        said = await deferToThread(ask)
        self.assertTrue(said.startswith(b"hello\n"), said)
        self.assertIn(b"no renegotiation", said)
        await self.ended()


def _unread(pipe: IO[bytes]) -> int:
    """How many bytes in a pipe nobody has read yet."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


class MemoryClient:
    """A client whose records are in the test's hands."""

    def __init__(self, bare: socket.socket) -> None:
        trusted = server_identity().certificate_pem.decode()
        context = ssl.create_default_context(cadata=trusted)
        self.bare = bare
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self._until_done(self.tls.do_handshake)
        self.bare.sendall(self.outgoing.read())

    def record(self, data: bytes) -> bytes:
        """What sends these bytes."""
        self.tls.write(data)
        return self.outgoing.read()

    def receive(self) -> bytes:
        """Some bytes."""
        received: bytes = self._until_done(self.tls.read)
        return received

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.bare.sendall(self.outgoing.read())
                self.incoming.write(self.bare.recv(65536))


_GARBAGE = random.Random(0).randbytes(1000)


def _no_tls(bare: socket.socket) -> None:
    bare.sendall(_GARBAGE)


def _in_clear(bare: socket.socket) -> None:
    bare.sendall(b"GET / HTTP/1.1\r\n\r\n")


def _silent(bare: socket.socket) -> None:
    bare.shutdown(socket.SHUT_WR)


def _wrong_record(bare: socket.socket) -> None:
    MemoryClient(bare).bare.sendall(b"\x17\x03\x03\x03\xe8" + _GARBAGE)


def _no_close_notify(bare: socket.socket) -> None:
    MemoryClient(bare).bare.shutdown(socket.SHUT_WR)


def _reset(bare: socket.socket) -> None:
    client = MemoryClient(bare)
    for _ in range(100):
        client.bare.sendall(client.record(bytes(16_000)))
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    bare.close()


_FAULTS = (_no_tls, _in_clear, _silent, _wrong_record, _no_close_notify, _reset)


class FaultTests(ServedTestCase):
    """A fault of one connection is none of another's: OpenSSL has one queue of errors for all."""

    async def test_others_go_on(self) -> None:
        """Also one of whose record half has come, which looks the most like a fault."""
        self.serve(echo=True)
        await deferToThread(self.go_on)
        await self.ended(1 + 2 * len(_FAULTS))

    def go_on(self) -> None:
        with self.bare() as bare:
            bystander = MemoryClient(bare)
            for fault in _FAULTS:
                record = bystander.record(b"hello")
                self.fail_by(fault)
                bare.sendall(record[:7])
                self.fail_by(fault)
                bare.sendall(record[7:])
                self.assertEqual(bystander.receive(), b"hello", fault.__name__)

    def fail_by(self, fault: Callable[[socket.socket], None]) -> None:
        with self.bare() as bare, contextlib.suppress(OSError):
            fault(bare)
            while bare.recv(65536):
                pass
