"""Connections that are ready for a request, in clear or over TLS."""

from __future__ import annotations

import resource
import socket
import ssl
from collections.abc import Mapping
from typing import Any

RECORD_BYTES = 16 * 1024
"""What a TLS record holds of a long stream."""

RECORD_ROOM = RECORD_BYTES + 22
"""What such a record takes on the wire, in TLS 1.3 with AES-GCM (RFC 8446, section 5.2)."""


def request(path: str, fields: Mapping[str, str] = {}) -> bytes:
    """A GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def connect(server: Mapping[str, Any], receive_buffer: int = 0) -> socket.socket:
    """
    A connection, not yet encrypted if it ever will be.

    @param server: C{port}, and C{authority}: a file with the certificate to trust over TLS, or
        null for plain HTTP.
    @param receive_buffer: bytes; 0 leaves it to the kernel.
    """
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server["port"]))
    return connection


def tls_context(server: Mapping[str, Any]) -> ssl.SSLContext | None:
    """What is needed for L{sealed}; C{None} for plain HTTP."""
    return ssl.create_default_context(cafile=server["authority"]) if server["authority"] else None


def sealed(connection: socket.socket, context: ssl.SSLContext | None, data: bytes) -> bytes:
    """
    The bytes that bring C{data} to the server.  Over TLS, shake hands first.

    What the server answers is for a client that only counts it: nothing of it is ever decrypted.
    """
    if context is None:
        return data
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            incoming.write(connection.recv(65536))
    tls.write(data)
    return outgoing.read()


def on_the_wire(length: int, server: Mapping[str, Any]) -> int:
    """Bytes that come over the wire for so many of a stream."""
    return length * RECORD_ROOM // RECORD_BYTES if server["authority"] else length


def allow_open_files() -> None:
    """Let this process have as many connections as the system permits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
