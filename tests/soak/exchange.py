"""One client's requests: asked over real sockets, counted, and compared with what has to come."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from random import Random
from typing import BinaryIO

from tests.field import clients
from tests.soak.references import Reference

CHUNK = 1 << 20


class Fault(Exception):
    """The service has not answered as it should; the text says how."""


@dataclass(slots=True)
class Tally:
    """
    What came of a client's requests.

    @ivar requests: by kind.
    @ivar checked: bytes of bodies that were compared, all of them right.
    @ivar promised: bytes of body that the answers' heads announced, taken or not.
    @ivar faults: what was wrong.
    """

    requests: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    promised: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Have the sum of both."""
        self.requests.update(other.requests)
        self.checked += other.checked
        self.promised += other.promised
        self.faults += other.faults


class Visitor:
    """
    A client.

    @ivar kind: what it is about, for the tally.
    """

    def __init__(
        self, server: clients.Listening, references: Sequence[Reference], random: Random
    ) -> None:
        self.references = references
        self.random = random
        self.tally = Tally()
        self.kind = ""
        self._server = server

    def any_reference(self) -> Reference:
        """One of them, by chance."""
        return self.random.choice(self.references)

    @contextmanager
    def connection(self, scheme: str = "", buffer: int | None = None) -> Iterator[socket.socket]:
        """A new connection, plain or TLS, closed at the end of the block."""
        scheme = scheme or self.random.choice(("http", "https"))
        connection = clients.client(self._server, scheme, buffer)
        with connection:
            yield connection

    def ask(
        self, connection: socket.socket, path: str, *fields: str, method: str = "GET"
    ) -> HTTPResponse:
        """Send a request; the answer, of which the head has come."""
        connection.sendall(clients.request(path, *fields, method=method))
        self.tally.requests[self.kind] += 1
        return self.answer(connection, method)

    def answer(self, connection: socket.socket, method: str = "GET") -> HTTPResponse:
        """The head of what comes on a connection."""
        response = HTTPResponse(connection, method=method)
        response.begin()
        self.tally.promised += response.length or 0
        return response

    def expect(self, response: HTTPResponse, status: int, fields: Mapping[str, str] = {}) -> None:
        """
        @raise Fault: it has another status or other fields.
        """
        if response.status != status:
            text = response.read(300)
            raise Fault(f"status {response.status} in place of {status}: {text!r}")
        for name, value in fields.items():
            if response.headers.get(name) != value:
                raise Fault(f"{name} is {response.headers.get(name)!r} in place of {value!r}")

    def expect_whole(self, response: HTTPResponse, reference: Reference) -> None:
        """
        @raise Fault: the head is not that of a whole product.
        """
        length = str(reference.size)
        self.expect(response, 200, {"etag": reference.etag, "content-length": length})

    def take(
        self,
        body: HTTPResponse | BinaryIO,
        reference: Reference,
        start: int,
        length: int,
        piece: int = CHUNK,
        pause: float = 0,
    ) -> None:
        """
        Read and compare.

        @param start: where in the reference the bytes have to be.
        @param piece: how many to read at once, with C{pause} seconds after them.
        @raise Fault: they are not the reference's.
        """
        end = start + length
        while start < end:
            got = body.read(min(piece, end - start))
            if not got:
                raise Fault(f"{reference.path}: the body ended {end - start} bytes too early")
            if got != reference.at(start, len(got)):
                wrong = first_difference(got, reference.at(start, len(got)))
                raise Fault(f"{reference.path}: wrong byte at {start + wrong}")
            start += len(got)
            self.tally.checked += len(got)
            if pause:
                time.sleep(pause)

    def take_parts(
        self, response: HTTPResponse, reference: Reference, ranges: Sequence[tuple[int, int]]
    ) -> None:
        """
        Read and compare a multipart answer.

        @param ranges: start and length of each, in the order asked for.
        @raise Fault: it is not these ranges.
        """
        media_type = response.headers.get("content-type", "")
        boundary = re.fullmatch(r'multipart/byteranges; boundary="?([^"]+)"?', media_type)
        if not boundary:
            raise Fault(f"{media_type!r} in place of multipart/byteranges")
        for start, length in ranges:
            self._expect_line(response, rf"(\r\n)?--{re.escape(boundary[1])}\r\n")
            expected = f"bytes {start}-{start + length - 1}/{reference.size}"
            fields = _part_fields(response)
            if fields.get("content-range") != expected:
                raise Fault(f"a part with {fields} in place of {expected}")
            self.take(response, reference, start, length)
        self._expect_line(response, rf"\r\n--{re.escape(boundary[1])}--(\r\n)?")
        if rest := response.read():
            raise Fault(f"{len(rest)} bytes behind the last part")

    def _expect_line(self, response: HTTPResponse, pattern: str) -> None:
        """A delimiter, whose CR LF in front of it may be a line of its own."""
        line = response.readline()
        if line == b"\r\n":
            line += response.readline()
        if not re.fullmatch(pattern.encode(), line):
            raise Fault(f"{line[:100]!r} in place of a part's delimiter")


def _part_fields(response: HTTPResponse) -> dict[str, str]:
    fields = {}
    while (line := response.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return fields


def first_difference(one: bytes, other: bytes) -> int:
    """
    Where two byte strings begin to differ.

    @raise ValueError: nowhere.
    """
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    if len(one) == len(other):
        raise ValueError("they are the same")
    return min(len(one), len(other))
