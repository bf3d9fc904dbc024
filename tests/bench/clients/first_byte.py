"""
Measures how long it takes from a request to the first byte of its body, on new connections.

Task: C{server}, C{path}, C{count}.  Prints C{seconds}, a list.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.clients.connections import connect, request, tls_context

_RECEIVE_BUFFER = 16 * 1024
"""Little, so that little is under way when the connection is closed before the next."""


def first_bytes(task: Mapping[str, Any]) -> dict[str, list[float]]:
    """Ask one after the other."""
    server, asked = task["server"], request(task["path"])
    context = tls_context(server)
    seconds = []
    for _ in range(task["count"]):
        connection = connect(server, _RECEIVE_BUFFER)
        if context is not None:
            connection = context.wrap_socket(connection, server_hostname="localhost")
        started = time.perf_counter()
        connection.sendall(asked)
        _await_body(connection)
        seconds.append(time.perf_counter() - started)
        connection.close()
    return {"seconds": seconds}


def _await_body(connection: socket.socket) -> None:
    received = b""
    while not received.partition(b"\r\n\r\n")[2]:
        more = connection.recv(4096)
        if not more:
            sys.exit(f"the server closed the connection after {received[:80]!r}")
        received += more
    if not received.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"expected status 200, not {received[:80]!r}")


if __name__ == "__main__":
    print(json.dumps(first_bytes(json.loads(sys.argv[1]))))
