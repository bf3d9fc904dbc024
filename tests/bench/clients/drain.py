"""
Takes streams as fast as they come, and throws them away unseen.

The kernel drops the bytes without copying them (C{MSG_TRUNC}, tcp(7)), and what is encrypted stays
so: this client needs a fraction of what curl does, and so it is the server that is measured.

On one machine it is the sender's CPU that wakes a sleeping receiver, once for each packet to one
that is fast, and in a virtual machine that costs more than the packet.  Over a network the
receiver's own does.  So this client does not sleep at all where it has a CPU of its own, and
otherwise asks to be woken for more than a packet (C{SO_RCVLOWAT}, socket(7)).

Task: C{server}, C{requests} (list of C{path}, C{fields}, C{bytes} to take), C{wake_bytes} (0: it
does not sleep).  Prints C{seconds} from the first request sent to the last byte, and C{bytes} of
all streams; and C{together}, as many seconds and bytes (on the wire) as they all went on.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.clients.connections import connect, on_the_wire, request, sealed, tls_context

_AT_ONCE = 4 << 20
_PATIENCE_SECONDS = 30.0


def drain(task: Mapping[str, Any]) -> dict[str, Any]:
    """Take all streams at once."""
    server, wanted = task["server"], task["requests"]
    context = tls_context(server)
    ready = []
    for one in wanted:
        connection = connect(server)
        asked = sealed(connection, context, request(one["path"], one["fields"]))
        ready.append((connection, asked, on_the_wire(one["bytes"], server)))
    started = time.perf_counter()
    selector = selectors.DefaultSelector()
    for connection, asked, rest in ready:
        connection.sendall(asked)
        _wake_for(connection, min(rest, task["wake_bytes"]))
        selector.register(connection, selectors.EVENT_READ, rest)
    ended, together = _take(selector, task["wake_bytes"])
    return {
        "seconds": time.perf_counter() - started,
        "bytes": sum(one["bytes"] for one in wanted),
        "together": {"seconds": ended - started, "bytes": together},
    }


def _take(selector: selectors.BaseSelector, wake_bytes: int) -> tuple[float, int]:
    """Take everything; when the first stream was whole, and how many bytes had come until then."""
    buffer = bytearray(_AT_ONCE)
    sleep = _PATIENCE_SECONDS if wake_bytes else 0
    total, first = 0, None
    heard = time.monotonic()
    while selector.get_map():
        events = selector.select(sleep)
        if events:
            heard = time.monotonic()
        elif time.monotonic() - heard >= _PATIENCE_SECONDS:
            sys.exit(f"the server was silent for {_PATIENCE_SECONDS:g} s")
        for key, _ in events:
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            count = connection.recv_into(buffer, _AT_ONCE, socket.MSG_TRUNC)
            if not count:
                sys.exit(f"the server closed a connection {key.data} bytes early")
            total += count
            if count >= key.data:
                first = first or (time.perf_counter(), total)
                selector.unregister(connection)
                connection.close()
                continue
            rest = key.data - count
            if rest < wake_bytes:
                _wake_for(connection, rest)
            selector.modify(connection, selectors.EVENT_READ, rest)
    assert first is not None, "there is a stream"
    return first


def _wake_for(connection: socket.socket, count: int) -> None:
    """Sleep on until there are so many bytes; 0 is the same as 1 (socket(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


if __name__ == "__main__":
    print(json.dumps(drain(json.loads(sys.argv[1]))))
