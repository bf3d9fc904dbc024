"""Downloads of large files: streamed to disk, resumed where the origin can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse

from assisted_images.downloads.parts import Part, Provenance, digest_of_name
from assisted_images.downloads.room import NO_ROOM, Room
from httpd.concurrency.threads import RunInThread
from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.arrival import ArrivingBody
from httpd.outbound.bodies import content_range, discard, field_texts, http_date, retry_after
from httpd.outbound.credentials import userinfo_credentials
from httpd.outbound.failures import BrokenOff, DownloadError, status_text
from httpd.outbound.redirects import get
from httpd.urls import public_url, web_origin, with_parameters

Progress = Callable[[int, int | None], None]
"""Told the bytes that are on disk, and the total where it is known."""


MOST = 16 << 30
"""Bytes that a download may have whose origin does not say how many: live ISOs have some 2 GiB."""


class TooLarge(DownloadError):
    """What an origin sends seems to have no end."""


@dataclass(frozen=True, slots=True)
class _Bounded:
    """
    A part that may have so many bytes: an origin that does not say how many it sends might go on
    for ever.
    """

    part: Part
    most: int

    @property
    def size(self) -> int:
        return self.part.size

    def append(self, pieces: Sequence[bytes]) -> None:
        if self.part.size + sum(map(len, pieces)) > self.most:
            raise TooLarge(f"the origin sends more than {self.most} bytes; expected an OS image")
        self.part.append(pieces)


@dataclass(frozen=True, slots=True)
class Downloader:
    """
    Downloads into L{Part}s.

    @ivar headers: sent with each request, to the URL's own web origin only: a redirect to another
        one does not get them.
    @ivar parameters: added to the URL's query.
    @ivar stall_seconds: how long the origin may send nothing.
    @ivar room: of the disk, shared with whoever else writes there.
    """

    agent: IOutboundAgent
    clock: IReactorTime
    run_in_thread: RunInThread
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    stall_seconds: float = 60.0
    room: Room = field(default_factory=Room, repr=False)

    async def download(self, url: str, part: Part, progress: Progress, most: int = MOST) -> None:
        """
        Bring C{part} to the whole of what C{url} denotes, and make it durable.

        What is there already is kept and not asked for again, when the origin still has the same
        representation.  Whether the result is what it should be is for the caller to check.

        @param most: bytes that it may have, where the origin does not say how many.
        @raise TooLarge: it has more; nothing is kept.
        @raise DownloadError: it could not be done now; what has arrived stays in the part.
        @raise OSError: the disk is full or broken.
        """
        kept = _resumable(part, url)
        if kept is not None and kept.total == part.size:
            progress(part.size, kept.total)
        else:
            try:
                await self._fetch(url, part, kept, progress, most)
            except TooLarge:
                await self.run_in_thread(part.discard)
                raise
            except OSError as error:
                # What cannot be gone on with is not to keep the disk full.
                if error.errno in NO_ROOM and _resumable(part, url) is None:
                    await self.run_in_thread(part.discard)
                raise
        await self.run_in_thread(part.sync)

    async def _fetch(
        self, url: str, part: Part, kept: Provenance | None, progress: Progress, most: int
    ) -> None:
        response, answered_by = await self._request(url, part.size if kept else None, kept)
        way = self.agent.way(answered_by)
        if kept is not None and response.code in {206, 416}:
            total = _continuation(response, part, kept)
            if total == part.size:
                discard(response)
                return
            if total is None or response.code != 206:
                discard(response)
                await self._fetch(url, part, None, progress, most)
                return
        elif response.code == 200:
            total = None if response.length is UNKNOWN_LENGTH else response.length
            await self._begin(url, response, part, total)
        else:
            discard(response)
            text = f"{status_text(response.code)} for {public_url(url)}{way}"
            raise DownloadError(text, retry_after(response))
        target = _Bounded(part, most if total is None else total)
        try:
            await self._receive(response, target, total, progress)
        except BrokenOff as error:
            raise DownloadError(f"{error}{way}") from None

    async def _begin(self, url: str, response: IResponse, part: Part, total: int | None) -> None:
        """Start from zero with the representation that C{response} brings."""
        try:
            await self.run_in_thread(part.restart, _provenance(url, response, total))
        except BaseException:
            discard(response)
            raise

    async def _receive(
        self, response: IResponse, target: _Bounded, total: int | None, progress: Progress
    ) -> None:
        part = target.part
        try:
            await self.run_in_thread(self.room.promise, part, total or part.size)
        except BaseException:
            discard(response)
            raise
        try:
            await self._write(response, target, total, progress)
        finally:
            self.room.release(part)

    async def _write(
        self, response: IResponse, target: _Bounded, total: int | None, progress: Progress
    ) -> None:
        part = target.part
        progress(part.size, total)
        body = ArrivingBody(
            target,
            self.clock,
            self.run_in_thread,
            self.stall_seconds,
            lambda: progress(part.size, total),
        )
        response.deliverBody(body)
        await body.done
        if total is not None and part.size != total:
            raise BrokenOff(f"the origin sent {part.size} bytes instead of {total}")

    async def _request(
        self, url: str, start: int | None, kept: Provenance | None
    ) -> tuple[IResponse, str]:
        """Ask for C{url}, from byte C{start} on, and follow redirects; see L{get}."""

        def fields(target: str) -> Headers:
            same_origin = web_origin(target) == web_origin(url)
            headers = Headers()
            for name, value in self.headers.items() if same_origin else ():
                headers.setRawHeaders(name, [value])
            if start is not None and kept is not None and kept.validator is not None:
                headers.setRawHeaders("range", [f"bytes={start}-"])
                headers.setRawHeaders("if-range", [kept.validator])
            # Userinfo belongs to the web origin it was written for, like the headers.
            authorization = userinfo_credentials(target)
            if authorization is None and same_origin:
                authorization = userinfo_credentials(url)
            if authorization is not None:
                headers.setRawHeaders("authorization", [authorization])
            return headers

        target = with_parameters(url, self.parameters)
        return await get(self.agent, self.clock, self.stall_seconds, target, fields)


def _resumable(part: Part, url: str) -> Provenance | None:
    """Where the part's bytes are from, when that is worth going on with."""
    known = part.provenance
    if known is None or part.size == 0 or known.url_digest != digest_of_name(url):
        return None
    if known.total is not None and part.size >= known.total:
        return known if part.size == known.total else None
    return known if known.validator is not None else None


def _continuation(response: IResponse, part: Part, kept: Provenance) -> int | None:
    """
    The total size when C{response}, a 206 or 416, goes on exactly where C{part} ends; else None.

    An origin may know C{Range} and ignore C{If-Range}, so its validators are compared again.
    """
    sent = content_range(response.headers)
    if sent is None or sent.length is None or response.code not in {206, 416}:
        return None
    total = sent.length
    if response.code == 416:
        return total if sent.part is None and total == part.size else None
    if sent.part is None or sent.part.start != part.size or kept.total not in {None, total}:
        return None
    etag, last_modified = _validators(response)
    if (kept.etag and etag and etag != kept.etag) or (
        kept.last_modified and last_modified and last_modified != kept.last_modified
    ):
        return None
    return total


def _provenance(url: str, response: IResponse, total: int | None) -> Provenance:
    etag, last_modified = _validators(response)
    return Provenance(digest_of_name(url), _if_range(response), etag, last_modified, total)


def _validators(response: IResponse) -> tuple[str | None, float | None]:
    etags = field_texts(response.headers, b"etag")
    return (etags[0] if etags else None), http_date(response.headers, b"last-modified")


def _if_range(response: IResponse) -> str | None:
    """
    What C{If-Range} may say later: a strong entity tag, else a date that is a strong validator,
    which is one a second or more older than the response (RFC 9110, section 8.8.2.2).
    """
    etag, last_modified = _validators(response)
    if etag is not None and etag.startswith('"'):
        return etag
    date = http_date(response.headers, b"date")
    if last_modified is None or date is None or date - last_modified < 1:
        return None
    return field_texts(response.headers, b"last-modified")[0]
