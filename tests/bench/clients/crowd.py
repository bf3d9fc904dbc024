"""
Many clients that read slowly, until standard input ends.

Task: C{server}, C{path}, C{clients}, C{rate} (bytes per second of each).  Prints a line C{ready} as
soon as every client has its first bytes, and at the end C{lost} (clients that the server dropped),
C{bytes} of all, and C{seconds}.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.clients.connections import (
    allow_open_files,
    connect,
    request,
    sealed,
    tls_context,
)

_TICKS = 10
"""How often in a second each of them reads."""

_RECEIVE_BUFFER = 128 * 1024


def crowd(task: Mapping[str, Any]) -> dict[str, float]:
    """Connect all, then read until there is no more input."""
    allow_open_files()
    server, each_time = task["server"], max(1, int(task["rate"] / _TICKS))
    context, asked = tls_context(server), request(task["path"])
    buffer = bytearray(each_time)
    clients: list[socket.socket] = []
    for _ in range(task["clients"]):
        connection = connect(server, _RECEIVE_BUFFER)
        connection.sendall(sealed(connection, context, asked))
        clients.append(connection)
    for connection in clients:
        connection.recv_into(buffer, 1)
        connection.setblocking(False)
    print("ready", flush=True)
    total, lost, started = 0, 0, time.monotonic()
    due = started
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        due += 1 / _TICKS
        for connection in list(clients):
            count = _read(connection, buffer)
            if count is None:
                lost += 1
                clients.remove(connection)
            else:
                total += count
    return {"lost": lost, "bytes": total, "seconds": time.monotonic() - started}


def _read(connection: socket.socket, buffer: bytearray) -> int | None:
    """How much was there; C{None}: the connection is gone."""
    try:
        return connection.recv_into(buffer, len(buffer), socket.MSG_TRUNC) or None
    except BlockingIOError:
        return 0
    except OSError:
        return None


if __name__ == "__main__":
    print(json.dumps(crowd(json.loads(sys.argv[1]))))
