"""Clients that misbehave: bare sockets, which do what a test says and nothing besides."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from demo.service import ServiceProcess

_SECONDS = 60.0
_SMALL_BUFFER = 16 * 1024
_ETHERNET = 1440
"""Bytes in a segment; the loopback's own are as large as the buffer above."""


class Listening(Protocol):
    """A server that runs."""

    @property
    def ports(self) -> Mapping[str, int]:
        """Its listeners, by scheme."""


def connect(service: Listening, scheme: str, buffer: int | None = None) -> socket.socket:
    """
    A TCP connection to a listener.

    @param buffer: bytes that this side's kernel takes for a client that does not read.
    """
    bare = socket.socket()
    if buffer is not None:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _ETHERNET)
    bare.settimeout(_SECONDS)
    bare.connect(("127.0.0.1", service.ports[scheme]))
    return bare


def secured(bare: socket.socket) -> ssl.SSLSocket:
    """TLS over a connection, with a client that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(bare)


def client(service: Listening, scheme: str, buffer: int | None = None) -> socket.socket:
    """A connection over which requests can be sent."""
    bare = connect(service, scheme, buffer)
    return secured(bare) if scheme == "https" else bare


def request(path: str, *fields: str, method: str = "GET") -> bytes:
    """The head of a request, which is all of it."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def stalled(service: ServiceProcess, scheme: str, path: str) -> socket.socket:
    """A client that has asked for something, and reads nothing."""
    connection = client(service, scheme, _SMALL_BUFFER)
    connection.sendall(request(path))
    return connection


def head_of(connection: socket.socket) -> bytes:
    """Status line and fields of the response, with what of the body has come with them."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += some(connection)
    return received


def take(connection: socket.socket, count: int) -> None:
    """Read so many bytes of a body, at least."""
    while count > 0:
        count -= len(some(connection))


def rest_of(connection: socket.socket, received: bytes, pause: float = 0, until: int = 0) -> bytes:
    """
    The body of a response, whole.

    @param received: what has come so far.
    @param pause: seconds to wait after each 10 kB, for the first C{until} bytes.
    """
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    whole = bytearray(body)
    while len(whole) < length:
        if pause and len(whole) < until:
            time.sleep(pause)
        whole += some(connection, 10_000 if len(whole) < until else 1 << 20)
    return bytes(whole)


def some(connection: socket.socket, most: int = 65536) -> bytes:
    """Whatever comes next."""
    data = connection.recv(most)
    if not data:
        raise ConnectionError("closed before the response was whole")
    return data


def is_cut(connection: socket.socket) -> bool:
    """Whether the peer has closed; what has arrived before is thrown away, TLS or not."""
    bare = socket.socket(fileno=connection.fileno())
    readable = select.poll()
    readable.register(bare, select.POLLIN)
    try:
        while readable.poll(0):
            if not bare.recv(1 << 20, socket.MSG_DONTWAIT):
                return True
    except ConnectionError:
        return True
    finally:
        bare.detach()
    return False


def close(connections: Iterable[socket.socket]) -> None:
    """Close them all, as they are."""
    for connection in connections:
        with suppress(OSError):
            connection.close()


def reset(connection: socket.socket) -> None:
    """Close it as a kernel does whose program is gone with something unread: by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def memory(service: ServiceProcess) -> int:
    """Bytes of memory that are resident now."""
    pages = Path(f"/proc/{service.pid}/statm").read_text().split()[1]
    return int(pages) * 4096
