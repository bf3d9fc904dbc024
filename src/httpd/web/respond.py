"""
Answering a request with a representation: conditions, ranges, headers, and then the body.

The counterpart of Go's C{http.ServeContent}; it knows HTTP, never images, infra-envs or tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from twisted.internet.defer import CancelledError

from httpd.representation.byteranges import ByteRange, RangeNotSatisfiable, parse_range
from httpd.representation.preconditions import Outcome, Validators, format_http_date
from httpd.representation.segments import Representation
from httpd.streaming.disk import read_bytes, short_region
from httpd.streaming.producer import RepresentationProducer
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest


@dataclass(frozen=True)
class Content:
    """A representation, and what its headers say about it."""

    representation: Representation
    content_type: str
    filename: str
    cache_control: str
    last_modified: float | None = None
    """Seconds since the epoch."""

    etag: str | None = None
    """The strong entity tag, with its quotes, where something else makes it than these bytes."""

    @cached_property
    def validators(self) -> Validators:
        """The strong entity tag and the date that go with this representation."""
        date = None if self.last_modified is None else int(self.last_modified)
        return Validators(self.etag or f'"{self.representation.digest}"', date)

    @cached_property
    def fields(self) -> bytes:
        """The header fields that do not depend on what part is asked for, as they are sent."""
        fields = {
            "Accept-Ranges": "bytes",
            "Cache-Control": self.cache_control,
            "Content-Disposition": f'attachment; filename="{self.filename}"',
            "ETag": self.validators.etag,
        }
        if self.last_modified is not None:
            fields["Last-Modified"] = format_http_date(self.last_modified)
        return "".join([f"{name}: {value}\r\n" for name, value in fields.items()]).encode()

    @cached_property
    def type_field(self) -> bytes:
        """The header field of its type, of a body that is all or one part of it."""
        return f"Content-Type: {self.content_type}\r\n".encode()


async def respond(request: ServiceRequest, content: Content) -> None:
    """
    Answer a GET or HEAD request with C{content}, or the part of it that was asked for.

    Returns when the client has taken everything.

    @raise Problem: a condition failed (412) or no range can be satisfied (416); nothing has been
        written then.
    @raise CancelledError: the client has left, or took nothing for too long.
    @raise Exception: the body cannot be had.  Nothing has been written then, or the connection has
        been cut: nothing is ever added to a body.
    """
    match content.validators.evaluate(request.fields):
        case Outcome.FAILED:
            raise Problem(412, "the precondition of the request does not hold for this version")
        case Outcome.NOT_MODIFIED:
            request.describe(content.fields)
            request.setResponseCode(304)
            request.finish()
            return
    body = _select(request, content)
    request.describe(content.fields + b"Content-Length: %d\r\n" % body.length)
    if request.method == b"HEAD" or not body.length:
        request.finish()
        return
    await play(request, body)
    request.finish()


def _select(request: ServiceRequest, content: Content) -> Representation:
    """Set the status, and give the bytes that the body will have."""
    whole = content.representation
    ranges = _requested_ranges(request, content)
    if ranges is None:
        request.describe(content.type_field)
        return whole
    request.setResponseCode(206)
    if len(ranges) == 1:
        [part] = ranges
        request.describe(content.type_field + part.content_range(whole.length))
        return whole.slice(part.start, part.stop)
    boundary = secrets.token_hex(16).encode()
    request.describe(b"Content-Type: multipart/byteranges; boundary=%b\r\n" % boundary)
    return _multipart(content, ranges, boundary)


def _requested_ranges(request: ServiceRequest, content: Content) -> Sequence[ByteRange] | None:
    """Give the ranges to send; L{None}: the whole representation."""
    header = request.fields.get("range")
    if header is None or request.method != b"GET":
        return None  # RFC 9110, section 14.2: Range is defined for GET alone
    if not content.validators.range_applies(request.fields.get("if-range")):
        return None
    length = content.representation.length
    try:
        return parse_range(header, length)
    except RangeNotSatisfiable:
        raise Problem(
            416,
            f"no byte of the range is in this representation of {length} bytes",
            {"Content-Range": f"bytes */{length}"},
        ) from None


def _multipart(content: Content, ranges: Sequence[ByteRange], boundary: bytes) -> Representation:
    """The parts of a C{multipart/byteranges} body (section 14.6), as one representation."""
    whole, body = content.representation, Representation()
    for part in ranges:
        fields = content.type_field + part.content_range(whole.length)
        head = b"\r\n--%b\r\n%b\r\n" % (boundary, fields)
        body = body.append(Representation.from_bytes(head), whole.slice(part.start, part.stop))
    return body.append(Representation.from_bytes(b"\r\n--%b--\r\n" % boundary))


async def play(request: ServiceRequest, body: Representation) -> None:
    """
    Send the body, at the client's pace; the status line and headers go out with its first bytes.

    @raise CancelledError: the client has left, or took nothing for too long.
    @raise Exception: the body cannot be had, as with L{respond}.
    """
    read_piece = getattr(request.channel.transport, "read_piece", read_bytes)
    if read_piece is not read_bytes:
        region = short_region(body)
        if region is not None:
            request.write(region)  # type: ignore[arg-type]
            return
    producer = RepresentationProducer(body, read_piece)
    request.registerProducer(producer, True)
    try:
        await producer.play(request)
    except CancelledError:
        raise  # the connection is lost, and the producer with it
    except Exception:
        request.unregisterProducer()
        if request.startedWriting:
            request.abort()
        else:
            request.withdraw()
        raise
    request.unregisterProducer()
