"""Kinds of clients: what each asks for, and what has to come."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse

from prometheus_client.parser import text_string_to_metric_families

from tests.field import clients
from tests.soak.exchange import CHUNK, Fault, Visitor
from tests.soak.references import Reference

_RANGE_BYTES = 64 * 1024
_SLOW_BUFFER = 16 * 1024
_SLOW_BYTES = 512 * 1024
_OTHER_ETAG = '"another"'


def whole(visitor: Visitor) -> None:
    """A product at full speed, sometimes two on one connection."""
    with visitor.connection() as connection:
        for _ in range(visitor.random.randint(1, 2)):
            reference = visitor.any_reference()
            response = visitor.ask(connection, reference.path)
            visitor.expect_whole(response, reference)
            visitor.take(response, reference, 0, reference.size)


def slow(visitor: Visitor) -> None:
    """A client that takes little at a time, and after some seconds the rest, or leaves."""
    reference = visitor.any_reference()
    first = min(_SLOW_BYTES, reference.size)
    with visitor.connection(buffer=_SLOW_BUFFER) as connection:
        response = visitor.ask(connection, reference.path)
        visitor.expect_whole(response, reference)
        piece = visitor.random.randint(1000, 16_000)
        pause = visitor.random.uniform(1, 4) / (first / piece)
        visitor.take(response, reference, 0, first, piece, pause)
        if visitor.random.random() < 0.3:
            visitor.take(response, reference, first, reference.size - first)


def leaving(visitor: Visitor) -> None:
    """A client that closes its connection in the middle, or before anything has come."""
    reference = visitor.any_reference()
    with visitor.connection() as connection:
        if visitor.random.random() < 0.5:  # with RST
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if visitor.random.random() < 0.2:
            connection.sendall(clients.request(reference.path))
            visitor.tally.requests[visitor.kind] += 1
            visitor.tally.promised += reference.size
            return
        response = visitor.ask(connection, reference.path)
        visitor.expect_whole(response, reference)
        taken = min(reference.size, visitor.random.choice((1, 100_000, reference.size // 2)))
        visitor.take(response, reference, 0, taken)


def half_closing(visitor: Visitor) -> None:
    """A client that says that nothing more will come from it, and wants all of its answer."""
    reference = visitor.any_reference()
    with visitor.connection("http") as connection:
        connection.sendall(clients.request(reference.path))
        connection.shutdown(socket.SHUT_WR)
        visitor.tally.requests[visitor.kind] += 1
        response = visitor.answer(connection)
        visitor.expect_whole(response, reference)
        visitor.take(response, reference, 0, reference.size)
        if connection.recv(1):
            raise Fault("something came behind the answer")


def ranges(visitor: Visitor) -> None:
    """A BMC: many ranges of one product, on a kept connection."""
    reference = visitor.any_reference()
    with visitor.connection() as connection:
        for _ in range(visitor.random.randint(20, 200)):
            start = visitor.random.randrange(reference.size)
            _take_range(visitor, connection, reference, start, _RANGE_BYTES)


def multipart(visitor: Visitor) -> None:
    """Several ranges at once, in any order; where they overlap everything comes."""
    reference = visitor.any_reference()
    count = visitor.random.randint(2, 6)
    room = reference.size // count
    wanted = []
    for number in range(count):
        start = number * room + visitor.random.randrange(room // 2)
        wanted.append((start, visitor.random.randint(1, min(100_000, room // 2))))
    visitor.random.shuffle(wanted)
    field = f"Range: bytes={','.join(f'{start}-{start + n - 1}' for start, n in wanted)}"
    with visitor.connection() as connection:
        response = visitor.ask(connection, reference.path, field)
        visitor.expect(response, 206, {"etag": reference.etag})
        visitor.take_parts(response, reference, wanted)
        if reference.size < 16 * CHUNK:
            response = visitor.ask(connection, reference.path, "Range: bytes=0-99,50-199")
            visitor.expect_whole(response, reference)
            visitor.take(response, reference, 0, reference.size)


def suffix(visitor: Visitor) -> None:
    """The last bytes of a product, and more than it has."""
    reference = visitor.any_reference()
    length = visitor.random.randint(1, min(300_000, reference.size))
    with visitor.connection() as connection:
        response = visitor.ask(connection, reference.path, f"Range: bytes=-{length}")
        _take_partial(visitor, response, reference, reference.size - length, length)


def conditional(visitor: Visitor) -> None:
    """Conditions that hold and that do not, all on one connection."""
    reference = visitor.any_reference()
    path, etag = reference.path, reference.etag
    start = visitor.random.randrange(reference.size)
    some = f"Range: bytes={start}-"
    with visitor.connection() as connection:
        for fields in ([f"If-None-Match: {etag}"], [f"If-None-Match: {_OTHER_ETAG}, {etag}"]):
            visitor.expect(visitor.ask(connection, path, *fields), 304, {"etag": etag})
        refused = visitor.ask(connection, path, f"If-Match: {_OTHER_ETAG}")
        visitor.expect(refused, 412)
        refused.read()
        response = visitor.ask(connection, path, some, f"If-Range: {etag}", f"If-Match: {etag}")
        _take_partial(visitor, response, reference, start, reference.size - start)
        response = visitor.ask(connection, path, some, f"If-Range: {_OTHER_ETAG}")
        visitor.expect_whole(response, reference)
        visitor.take(response, reference, 0, reference.size)


def unsatisfiable(visitor: Visitor) -> None:
    """A range behind the end, and then one that is there."""
    reference = visitor.any_reference()
    with visitor.connection() as connection:
        field = f"Range: bytes={reference.size}-"
        response = visitor.ask(connection, reference.path, field)
        visitor.expect(response, 416, {"content-range": f"bytes */{reference.size}"})
        response.read()
        _take_range(visitor, connection, reference, reference.size - 1, 1)


def heads(visitor: Visitor) -> None:
    """HEAD for several products, and a range behind each, to see that no body came."""
    with visitor.connection() as connection:
        for _ in range(visitor.random.randint(1, 10)):
            reference = visitor.any_reference()
            visitor.expect_whole(visitor.ask(connection, reference.path, method="HEAD"), reference)
            _take_range(visitor, connection, reference, 0, 100)


def pages(visitor: Visitor) -> None:
    """The pages for operation."""
    with visitor.connection() as connection:
        for path in ("/health", "/live", "/status", "/metrics"):
            response = visitor.ask(connection, path)
            visitor.expect(response, 200)
            body = response.read().decode()
            if path == "/status" and any(
                image["state"] != "ready" for image in json.loads(body)["images"]
            ):
                raise Fault(f"an image is not ready: {body[:300]}")
            if path == "/metrics" and not list(text_string_to_metric_families(body)):
                raise Fault("no metrics")


def refused(visitor: Visitor) -> None:
    """Well-formed requests for what is not there, with an answer that leaves the connection."""
    reference = visitor.any_reference()
    version, identity = "999.0", "44444444-0000-4000-8000-000000000004"
    wrong = (
        ("GET", "/nothing/here", 404),
        ("GET", f"/byid/{identity}/{version}/x86_64/full.iso", 404),
        ("GET", "/byid/nobody/1/x86_64/full.iso", 404),
        ("GET", "/boot-artifacts/kernel", 400),
        ("GET", f"/images/{identity}?version={version}&type=other", 400),
        ("DELETE", reference.path, 405),
    )
    with visitor.connection() as connection:
        for method, path, status in visitor.random.sample(wrong, 3):
            response = visitor.ask(connection, path, method=method)
            visitor.expect(response, status)
            response.read()
        _take_range(visitor, connection, reference, 0, 1000)


_NONSENSE: Sequence[tuple[bytes, frozenset[int]]] = (
    (b"nonsense\r\n\r\n", frozenset({400})),
    (b"GET /live HTTP/1.1\r\n\r\n", frozenset({400})),
    (b"GET /live HTTP/1.1\nHost: localhost\n\n", frozenset({400})),
    (b"GET /live HTTP/3.0\r\nHost: localhost\r\n\r\n", frozenset({505})),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", frozenset({414})),
    (clients.request("/live", "Any: " + "a" * 20_000), frozenset({431})),
    (clients.request("/live", "Transfer-Encoding: other"), frozenset({501})),
    (clients.request("/live", "Content-Length: many"), frozenset({400})),
    (bytes(range(256)) * 4 + b"\r\n\r\n", frozenset({400})),
)


def nonsense(visitor: Visitor) -> None:
    """What is no request: one answer, and the connection ends; or none, where the client leaves."""
    text, statuses = visitor.random.choice(_NONSENSE)
    with visitor.connection() as connection:
        if visitor.random.random() < 0.3:
            connection.sendall(text[: visitor.random.randrange(len(text))])
            visitor.tally.requests[visitor.kind] += 1
            return
        try:
            connection.sendall(text)
            visitor.tally.requests[visitor.kind] += 1
            response = visitor.answer(connection)
        except (ConnectionError, ssl.SSLError, HTTPException):
            return  # cut while there was more to be sent
        if response.status not in statuses:
            raise Fault(f"{text[:60]!r} is answered {response.status}, not {set(statuses)}")


KINDS: Sequence[tuple[Callable[[Visitor], None], int]] = (
    (whole, 4),
    (slow, 3),
    (leaving, 4),
    (half_closing, 2),
    (ranges, 8),
    (multipart, 6),
    (suffix, 6),
    (conditional, 2),
    (unsatisfiable, 4),
    (heads, 4),
    (pages, 4),
    (refused, 3),
    (nonsense, 4),
)
"""Each kind, and how often it comes as compared with the others."""


def _take_range(
    visitor: Visitor, connection: socket.socket, reference: Reference, start: int, length: int
) -> None:
    field = f"Range: bytes={start}-{start + length - 1}"
    response = visitor.ask(connection, reference.path, field)
    _take_partial(visitor, response, reference, start, min(length, reference.size - start))


def _take_partial(
    visitor: Visitor, response: HTTPResponse, reference: Reference, start: int, length: int
) -> None:
    place = f"bytes {start}-{start + length - 1}/{reference.size}"
    fields = {"etag": reference.etag, "content-range": place, "content-length": str(length)}
    visitor.expect(response, 206, fields)
    visitor.take(response, reference, start, length)
