"""
Asks for one small page at a steady pace, until standard input ends.

Task: C{server}, C{path}, C{every} (seconds).  Prints C{seconds}, a list: how long after its due
time each answer came.  The questions go over many connections in turn, so that an answer that is
late does not keep the next question from being asked; where all of them wait, that counts, too.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.clients.connections import connect, request, tls_context

_CONNECTIONS = 20


def pulse(task: Mapping[str, Any]) -> dict[str, list[float]]:
    """Ask, with a thread for each connection."""
    server, asked = task["server"], request(task["path"])
    context = tls_context(server)
    connections = [connect(server) for _ in range(_CONNECTIONS)]
    if context is not None:
        connections = [
            context.wrap_socket(connection, server_hostname="localhost")
            for connection in connections
        ]
    over = threading.Event()
    seconds: list[float] = []
    failures: list[str] = []
    started = time.perf_counter() + task["every"]

    def ask(number: int, connection: socket.socket) -> None:
        due = started + number * task["every"]
        while not over.wait(max(0.0, due - time.perf_counter())):
            connection.sendall(asked)
            answer = connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                failures.append(f"expected status 200, not {answer[:80]!r}")
                return
            seconds.append(time.perf_counter() - due)
            due += _CONNECTIONS * task["every"]

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(connections)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(failures[0])
    return {"seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(pulse(json.loads(sys.argv[1]))))
