"""
Hosts that boot the minimal ISO by virtual media: each reads it by ranges of 64 KiB, one after the
other over one connection, and then the root file system at once.

As L{tests.bench.clients.drain} it has the kernel drop what arrives, and does not sleep where it has
a CPU of its own.

Task: C{server} (its plain listener), C{hosts}, C{spread} (seconds over which they begin),
C{iso} and C{rootfs} (paths), C{pause} (seconds before each range, for the network that is not
there), C{sleep} (whether it does).  Prints C{seconds} that each host took, C{last}, seconds from
the first host's beginning to the last one's end, and C{iso_bytes} and C{rootfs_bytes} of each.
"""

from __future__ import annotations

import heapq
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Generator, Mapping
from typing import Any

from tests.bench.clients.connections import connect, request

_RANGE_BYTES = 64 * 1024
_HEAD_BYTES = 4096
_BUFFER = bytearray(4 << 20)
"""Nothing is written into it."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

_Steps = Generator[float, None, int]
"""A host's steps: for how many seconds it does nothing; 0: until something arrives."""


def boots(task: Mapping[str, Any]) -> dict[str, Any]:
    """Boot all."""
    size, count, selector = _size(task), task["hosts"], selectors.DefaultSelector()
    first = time.perf_counter()
    begun = [first + task["spread"] * number / count for number in range(count)]
    due = list(zip(begun, range(count), strict=True))
    running: dict[int, tuple[socket.socket, _Steps]] = {}
    ended: dict[int, float] = {}
    rootfs = 0
    while len(ended) < count:
        for number in _next(selector, due, task["sleep"]):
            if number not in running:
                connection = connect(task["server"])
                selector.register(connection, selectors.EVENT_READ, number)
                running[number] = connection, _boot(task, size, connection)
            connection, steps = running[number]
            try:
                if pause := next(steps):
                    heapq.heappush(due, (time.perf_counter() + pause, number))
            except StopIteration as done:
                ended[number], rootfs = time.perf_counter(), done.value
                selector.unregister(connection)
                connection.close()
    return {
        "seconds": [ended[number] - begun[number] for number in range(count)],
        "last": max(ended.values()) - first,
        "iso_bytes": size,
        "rootfs_bytes": rootfs,
    }


def _next(selector: selectors.BaseSelector, due: list[tuple[float, int]], sleep: bool) -> list[int]:
    """The numbers of the hosts that can go on: their time has come, or something for them."""
    now = time.perf_counter()
    if due and due[0][0] <= now:
        return [heapq.heappop(due)[1]]
    timeout = (due[0][0] - now if due else None) if sleep else 0
    return [key.data for key, _ in selector.select(timeout)]


def _size(task: Mapping[str, Any]) -> int:
    connection = connect(task["server"])
    connection.sendall(request(task["iso"], {"Range": "bytes=0-0"}))
    head = connection.recv(_HEAD_BYTES)
    connection.close()
    found = re.search(rb"bytes 0-0/(\d+)", head)
    if not found:
        sys.exit(f"no range of the ISO: {head.decode('latin-1')}")
    return int(found[1])


def _boot(task: Mapping[str, Any], size: int, connection: socket.socket) -> _Steps:
    """What a host does; it ends with the length of the root file system."""
    for first in range(0, size, _RANGE_BYTES):
        if task["pause"]:
            yield task["pause"]
        wanted = f"bytes={first}-{min(first + _RANGE_BYTES, size) - 1}"
        connection.sendall(request(task["iso"], {"Range": wanted}))
        yield from _taken(connection)
    connection.sendall(request(task["rootfs"]))
    return (yield from _taken(connection))


def _taken(connection: socket.socket) -> _Steps:
    """Take an answer; it ends with the length of its body."""
    head = b""
    while b"\r\n\r\n" not in head:
        yield 0
        arrived = connection.recv(_HEAD_BYTES)
        head += arrived or sys.exit("the server closed a connection")
    head, _, body = head.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not length or not head.startswith(b"HTTP/1.1 20"):
        sys.exit(head.decode("latin-1"))
    left = int(length[1]) - len(body)
    while left:
        try:
            flags = socket.MSG_TRUNC | socket.MSG_DONTWAIT
            count = connection.recv_into(_BUFFER, min(left, len(_BUFFER)), flags)
        except BlockingIOError:
            yield 0
            continue
        left -= count or sys.exit(f"the server closed a connection {left} bytes early")
    return int(length[1])


if __name__ == "__main__":
    print(json.dumps(boots(json.loads(sys.argv[1]))))
