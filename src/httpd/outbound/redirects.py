"""Requests of clients of our own: redirects followed, failures in one phrase each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import urlencode, urljoin

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as LateError
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse

from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import BodyTooLarge, discard, field_texts, read_body
from httpd.outbound.failures import DownloadError, reason_of, was_cancelled
from httpd.representation.segments import Representation
from httpd.streaming.producer import RepresentationProducer
from httpd.urls import is_http_url, public_url, without_userinfo

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Unreachable(DownloadError):
    """No HTTP response came."""


async def get(
    agent: IOutboundAgent,
    clock: IReactorTime,
    seconds: float,
    url: str,
    fields: Callable[[str], Headers],
) -> tuple[IResponse, str]:
    """
    The response that C{url} leads to, whatever its status, and the URL of who sent it.

    @param seconds: how long each server may take to answer.
    @param fields: the header fields for a URL.  It is asked for each that a redirect leads to, and
        so decides who gets credentials (RFC 9110, section 15.4).
    @raise Unreachable: there is none.
    @raise DownloadError: too many redirects, or to what is no URL.
    """
    target = url
    for _ in range(_MOST_REDIRECTS):
        response = await _send(agent, clock, seconds, target, fields(target))
        locations = field_texts(response.headers, b"location")
        if response.code not in _REDIRECTS or not locations:
            return response, target
        discard(response)
        target = _redirected(target, locations[0])
    raise DownloadError(f"more than {_MOST_REDIRECTS} redirects from {public_url(url)}")


async def post(
    agent: IOutboundAgent, clock: IReactorTime, seconds: float, url: str, form: Mapping[str, str]
) -> IResponse:
    """
    The response to a form, whatever its status.  Redirects are not followed: what is in the form is
    for C{url} only.

    @param seconds: how long the server may take to answer.
    @raise Unreachable: there is none.
    """
    fields = Headers({"content-type": ["application/x-www-form-urlencoded"]})
    body = RepresentationProducer(Representation.from_bytes(urlencode(form).encode("ascii")))
    return await _send(agent, clock, seconds, url, fields, body)


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not is_http_url(target):
        raise DownloadError(f"{public_url(url)} redirects to what is no http URL; expected one")
    return target


async def _send(
    agent: IOutboundAgent,
    clock: IReactorTime,
    seconds: float,
    url: str,
    fields: Headers,
    body: IBodyProducer | None = None,
) -> IResponse:
    def too_slow(result: object, seconds: float) -> NoReturn:
        raise Unreachable(f"{public_url(url)} did not answer{agent.way(url)} within {seconds:g} s")

    try:
        method = b"GET" if body is None else b"POST"
        request = agent.request(method, without_userinfo(url).encode("ascii"), fields, body)
        answer: Deferred[IResponse] = request.addTimeout(seconds, clock, too_slow)
        return await answer
    except Unreachable:
        raise
    except Exception as error:
        if was_cancelled(error):
            raise CancelledError from None
        kind = DownloadError if isinstance(error, DownloadError) else Unreachable
        place = f"{public_url(url)} cannot be had{agent.way(url)}"
        raise kind(f"{place}: {reason_of(error)}") from None


async def read_small(
    response: IResponse, most: int, clock: IReactorTime, seconds: float, what: str
) -> bytes:
    """
    The whole body of a response that should be small.

    @param most: bytes that it may have.
    @param seconds: how long it may take to come.
    @param what: it is, for an error.
    @raise DownloadError: it is larger, or does not come.
    """
    try:
        return await read_body(response, most).addTimeout(seconds, clock)
    except BodyTooLarge:
        raise DownloadError(f"{what} has more than {most} bytes; expected fewer") from None
    except LateError:
        raise DownloadError(f"{what} did not arrive within {seconds:g} s") from None
    except Exception as error:
        if was_cancelled(error):
            raise CancelledError from None
        raise DownloadError(f"{what} broke off: {reason_of(error)}") from None
