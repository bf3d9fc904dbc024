"""Where an image is: a server of HTTP that gives parts of it (RFC 9110, section 14)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import (
    abort,
    content_range,
    discard,
    ended_well,
    field_texts,
    http_date,
    retry_after,
)
from httpd.outbound.credentials import userinfo_credentials
from httpd.outbound.failures import BrokenOff, DownloadError, reason_of, status_text
from httpd.outbound.redirects import get
from httpd.outbound.stall import StallTimer
from httpd.urls import public_url, web_origin, with_parameters


class NoParts(Exception):
    """The origin gives no parts that are sure to be of one file; the text says why."""


class Changed(DownloadError):
    """The origin has another file by now."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells one content of an image from another; the same for whoever asks the origin."""

    size: int
    """Bytes."""

    validator: str
    """A strong entity tag, or a date that is as good with the size (RFC 9110, section 8.8)."""

    last_modified: float | None
    """Seconds since the epoch."""

    def digest(self, url: str) -> bytes:
        """32 bytes that stand for the content of C{url}."""
        return hashlib.sha256(f"{url}\n{self.validator}\n{self.size}".encode()).digest()


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """
    One image at a server of HTTP.

    @ivar headers: sent with each request, to the URL's own web origin only.
    @ivar parameters: added to the URL's query.
    @ivar stall_seconds: how long the server may send nothing.
    """

    url: str = field(repr=False)
    agent: IOutboundAgent
    clock: IReactorTime
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    stall_seconds: float = 60.0

    async def facts(self) -> Facts:
        """
        What the origin has now.

        @raise NoParts: it cannot be read in parts.
        @raise DownloadError: it cannot be asked now.
        """
        response = await self._request({"range": "bytes=0-0"})
        discard(response)
        if response.code == 200:
            raise NoParts("the origin does not answer Range requests with parts")
        self._require_success(response)
        given = content_range(response.headers)
        if given is None or given.part is None or given.length is None:
            raise NoParts("the origin's Content-Range does not say what it has")
        validator = _validator(response)
        if validator is None:
            raise NoParts(
                "the origin has neither a strong ETag nor a Last-Modified of a second ago or more"
            )
        return Facts(given.length, validator, http_date(response.headers, b"last-modified"))

    async def part(self, facts: Facts, start: int, length: int) -> bytes:
        """
        C{length} bytes from C{start} on.

        @param facts: of the content that they are to be of.
        @raise Changed: the origin has another one.
        @raise DownloadError: they cannot be had now.
        """
        wanted = f"bytes={start}-{start + length - 1}"
        response = await self._request({"range": wanted, "if-range": facts.validator})
        try:
            self._require_part(response, facts, start, length)
        except DownloadError:
            discard(response)
            raise
        body = _Part(length, self.clock, self.stall_seconds)
        response.deliverBody(body)
        return await body.done

    def _require_part(self, response: IResponse, facts: Facts, start: int, length: int) -> None:
        if response.code == 416:
            raise Changed("the origin's file is shorter than it was")
        if response.code not in {200, 206}:
            self._require_success(response)
        given = content_range(response.headers)
        total = response.length if response.code == 200 else given and given.length
        validator = _validator(response)
        # A server may know Range and ignore If-Range, so what it says is compared again.
        if total != facts.size or validator not in {None, facts.validator}:
            raise Changed("the origin has another file than it had")
        part = None if given is None else given.part
        if response.code == 200 or part is None:
            raise DownloadError("the origin gave no part of its file although it did before")
        if (part.start, part.stop) != (start, start + length) or response.length != length:
            raise DownloadError("the origin gave another part than it was asked for")

    def _require_success(self, response: IResponse) -> None:
        if response.code != 206:
            text = f"{status_text(response.code)} for {public_url(self.url)}"
            raise DownloadError(text, retry_after(response))

    async def _request(self, fields: Mapping[str, str]) -> IResponse:
        target = with_parameters(self.url, self.parameters)
        response, _ = await get(
            self.agent, self.clock, self.stall_seconds, target, self._fields(fields)
        )
        return response

    def _fields(self, fields: Mapping[str, str]) -> Callable[[str], Headers]:
        def for_url(target: str) -> Headers:
            headers = Headers({name: [value] for name, value in fields.items()})
            authorization = userinfo_credentials(target)
            if web_origin(target) == web_origin(self.url):
                for name, value in self.headers.items():
                    headers.setRawHeaders(name, [value])
                authorization = authorization or userinfo_credentials(self.url)
            if authorization is not None:
                headers.setRawHeaders("authorization", [authorization])
            return headers

        return for_url


def _validator(response: IResponse) -> str | None:
    """What C{If-Range} may say: a strong entity tag, else a date (RFC 9110, section 13.1.5)."""
    etags = field_texts(response.headers, b"etag")
    if etags and etags[0].startswith('"'):
        return etags[0]
    date, modified = (http_date(response.headers, name) for name in (b"date", b"last-modified"))
    if modified is None or (date is not None and date - modified < 1):
        return None
    return field_texts(response.headers, b"last-modified")[0]


class _Part(Protocol):
    """A body that has to have some length, kept in memory."""

    def __init__(self, length: int, clock: IReactorTime, stall_seconds: float) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._stop())
        self._length = length
        self._stall_seconds = stall_seconds
        self._pieces: list[bytes] = []
        self._received = 0
        self._over = False
        self._timer = StallTimer(clock, stall_seconds, lambda: self._received, self._stalled)

    def connectionMade(self) -> None:
        self._timer.start()

    def dataReceived(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._length:
            self._fail(f"the origin sent more than the {self._length} bytes of a part")
        else:
            self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._timer.stop()
        if not ended_well(reason):
            assert reason.value is not None
            self._fail(f"a part broke off: {reason_of(reason.value)}")
        elif self._received < self._length:
            self._fail(f"the origin sent {self._received} bytes of {self._length} of a part")
        elif not self._over:
            self._over = True
            self.done.callback(b"".join(self._pieces))

    def _stalled(self) -> None:
        self._fail(f"nothing has arrived for {self._stall_seconds:g} s")

    def _fail(self, reason: str) -> None:
        if not self._over:
            self._stop()
            self.done.errback(BrokenOff(reason))

    def _stop(self) -> None:
        self._over = True
        self._timer.stop()
        self._pieces.clear()
        abort(self.transport)
