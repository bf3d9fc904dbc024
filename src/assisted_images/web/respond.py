"""
Answering a request with a representation: conditions, ranges, headers, and then the body.

The counterpart of Go's C{http.ServeContent}; it knows HTTP, never images, infra-envs or tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from assisted_images.byteranges import ByteRange, RangeNotSatisfiable, parse_range
from assisted_images.preconditions import Outcome, Validators, format_http_date
from assisted_images.segments import BytesSegment, Representation
from assisted_images.streaming.pieces import read_bytes
from assisted_images.streaming.producer import RepresentationProducer
from assisted_images.web.problems import Problem
from assisted_images.web.site import ServiceRequest


@dataclass(frozen=True)
class Content:
    """A representation, and what its headers say about it."""

    representation: Representation
    content_type: str
    filename: str
    cache_control: str
    last_modified: float | None = None
    """Seconds since the epoch."""

    @cached_property
    def validators(self) -> Validators:
        """The strong entity tag and the date that go with this representation."""
        date = None if self.last_modified is None else int(self.last_modified)
        return Validators(f'"{self.representation.digest}"', date)

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
        return _fields(fields)


def _fields(fields: Mapping[str, str]) -> bytes:
    """Header fields as they are sent."""
    return "".join([f"{name}: {value}\r\n" for name, value in fields.items()]).encode()


async def respond(request: ServiceRequest, content: Content) -> None:
    """
    Answer a GET or HEAD request with C{content}, or the part of it that was asked for.

    Returns when the client has taken everything.

    @raise Problem: a condition failed (412) or no range can be satisfied (416); nothing has been
        written then.
    @raise CancelledError: the client has left, or took nothing for too long.  With every error out
        of the body the connection has been aborted: nothing is ever added to a body.
    """
    match content.validators.evaluate(request.getHeader):
        case Outcome.FAILED:
            raise Problem(412, "the precondition of the request does not hold for this version")
        case Outcome.NOT_MODIFIED:
            request.describe(content.fields)
            request.setResponseCode(304)
            request.finish()
            return
    body = _select(request, content)
    request.describe(content.fields)
    request.setHeader(b"content-length", b"%d" % body.length)
    if request.method == b"HEAD" or not body.length:
        request.finish()
        return
    await _play(request, body)
    request.finish()


def _select(request: ServiceRequest, content: Content) -> Representation:
    """Set the status, and give the bytes that the body will have."""
    whole = content.representation
    ranges = _requested_ranges(request, content)
    if ranges is None:
        request.describe(_fields({"Content-Type": content.content_type}))
        return whole
    request.setResponseCode(206)
    if len(ranges) == 1:
        content_range = ranges[0].content_range(whole.length)
        request.describe(
            _fields({"Content-Type": content.content_type, "Content-Range": content_range})
        )
        return whole.slice(ranges[0].start, ranges[0].stop)
    boundary = secrets.token_hex(16)
    request.describe(_fields({"Content-Type": f"multipart/byteranges; boundary={boundary}"}))
    return _multipart(whole, ranges, boundary, content.content_type)


def _requested_ranges(request: ServiceRequest, content: Content) -> tuple[ByteRange, ...] | None:
    """Give the ranges to send; L{None}: the whole representation."""
    header = request.getHeader("range")
    if header is None or request.method != b"GET":
        return None  # RFC 9110, section 14.2: Range is defined for GET alone
    if not content.validators.range_applies(request.getHeader("if-range")):
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


def _multipart(
    whole: Representation, ranges: tuple[ByteRange, ...], boundary: str, content_type: str
) -> Representation:
    """The parts of a C{multipart/byteranges} body (section 14.6), as one representation."""
    body = Representation()
    for part in ranges:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
            f"Content-Range: {part.content_range(whole.length)}\r\n\r\n"
        )
        body = body.append(
            Representation.of(BytesSegment(head.encode())), whole.slice(part.start, part.stop)
        )
    return body.append(Representation.from_bytes(f"\r\n--{boundary}--\r\n".encode()))


async def _play(request: ServiceRequest, body: Representation) -> None:
    """Send the body; the status line and headers go out with its first bytes."""
    transport = request.channel.transport
    producer = RepresentationProducer(body, getattr(transport, "read_piece", read_bytes))
    request.registerProducer(producer, True)
    try:
        await producer.startProducing(request)
    except (OSError, EOFError):
        request.abort()
        raise
    request.unregisterProducer()
