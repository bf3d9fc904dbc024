"""One user's requests to an S3 server: sent, timed, and tried again where that may help."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as LateError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import BodyTooLarge, read_body
from httpd.outbound.failures import reason_of, status_text, was_cancelled
from httpd.representation.segments import Representation
from httpd.streaming.producer import RepresentationProducer
from image_management.s3.access import Observe, S3Access, TimeLimits
from image_management.s3.errors import (
    ObjectChanged,
    ObjectMissing,
    ObjectRefused,
    ObjectTooLarge,
    S3Error,
    S3Refused,
    S3Unavailable,
)
from image_management.s3.requests import Requests, SignedRequest, is_error

VERBS = {
    "HeadBucket": "HEAD of the bucket",
    "HeadObject": "HEAD of the object",
    "GetObject": "GET of the object",
    "PutObject": "PUT of the object",
    "DeleteObject": "DELETE of the object",
    "CopyObject": "copy of the object",
    "CreateMultipartUpload": "begin of parts",
    "UploadPart": "upload of a part of the object",
    "UploadPartCopy": "copy of a part of the object",
    "CompleteMultipartUpload": "end of parts",
    "AbortMultipartUpload": "giving up parts",
    "ListMultipartUploads": "search for unfinished parts",
}
"""What an error calls each operation that is used."""

_PATIENCE = 8.0
"""Seconds after which there is no further try of what S3 has not answered: a failure is to be told
within ten."""

_LEAST_RATE = 4 * 1024 * 1024
"""Bytes a second that S3 may be expected to copy at the least: it says nothing until it is done."""

_MOST_XML = 4 * 1024 * 1024
"""Bytes of an answer that is no object."""

_MOST_ERROR = 64 * 1024

_PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same may go well at once."""

T = TypeVar("T")


class S3Client:
    """Requests to one server in the name of one user."""

    def __init__(
        self,
        access: S3Access,
        agent: IOutboundAgent,
        clock: IReactorTime,
        limits: TimeLimits,
        observe: Observe | None = None,
    ) -> None:
        """
        @param agent: one that takes coded content.
        """
        self._requests = Requests(access)
        self._agent = agent
        self._clock = clock
        self._seconds = limits.connect_seconds + limits.read_seconds
        self._url_seconds = limits.url_seconds
        self._pauses = limits.pauses
        self._observe = observe or _unobserved

    async def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        work: int = 0,
        most: int = _MOST_XML,
    ) -> Mapping[str, Any]:
        """
        What S3 answers, read; an object's bytes are in it as C{Body}.

        What fails in passing is tried again, even where it may have been done: nothing that is done
        here does harm when it is done twice.

        @param operation: S3's name of it, such as C{HeadObject}; one of L{VERBS}.
        @param parameters: of it, as S3 calls them.
        @param work: bytes that S3 has to copy before it answers, for which it gets time.
        @param most: bytes of the answer.
        @raise S3Error: S3 did not do it; of the kind that fits.
        """

        async def attempt() -> Mapping[str, Any]:
            return await self._call(operation, seconds, most, parameters)

        seconds = self._seconds + work / _LEAST_RATE
        return await self._tried(operation, attempt)

    async def once(
        self, operation: str, parameters: Mapping[str, Any], seconds: float
    ) -> Mapping[str, Any]:
        """
        L{call}, without a further try.

        @param seconds: for everything.
        """

        async def attempt() -> Mapping[str, Any]:
            return await self._call(operation, seconds, _MOST_XML, parameters)

        return await self._observed(operation, attempt)

    async def open(self, operation: str, parameters: Mapping[str, Any]) -> IResponse:
        """
        S3's answer of success, as soon as its header is there; the body is the caller's to read, or
        to discard.

        @raise S3Error: as L{call}.
        """

        async def attempt() -> IResponse:
            return await self._open(operation, self._seconds, parameters)

        return await self._tried(operation, attempt)

    def presigned(self, operation: str, parameters: Mapping[str, Any]) -> str:
        """A URL by which anybody may do it once or more, for as long as the limits say."""
        return self._requests.presigned(operation, self._url_seconds, parameters)

    async def _tried(self, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try once, and then a few times more while the trouble is one that may pass."""
        began = self._clock.seconds()
        for pause in self._pauses:
            try:
                return await self._observed(operation, attempt)
            except S3Unavailable as trouble:
                waited = self._clock.seconds() - began
                if not trouble.passing or (trouble.late and waited > _PATIENCE):
                    raise
            # Not all at the same time again.
            await deferLater(self._clock, pause * random.uniform(0.8, 1.2))  # noqa: S311
        return await self._observed(operation, attempt)

    async def _observed(self, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        began = self._clock.seconds()
        outcome = "cancelled"
        try:
            result = await attempt()
            outcome = "ok"
        except S3Error as error:
            outcome = error.outcome
            raise
        finally:
            self._observe(operation, outcome, self._clock.seconds() - began)
        return result

    async def _call(
        self, operation: str, seconds: float, most: int, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        response = await self._open(operation, seconds, parameters)
        verb = VERBS[operation]
        body = await self._body(verb, response, most, seconds)
        if operation != "GetObject" and is_error(body):
            raise self._error(operation, 500, body)
        try:
            return self._requests.parsed(operation, response.code, lower_fields(response), body)
        except ValueError as error:
            raise S3Unavailable(verb, str(error), passing=True) from None

    async def _open(
        self, operation: str, seconds: float, parameters: Mapping[str, Any]
    ) -> IResponse:
        verb = VERBS[operation]
        request = self._requests.signed(operation, parameters)
        response = await self._send(verb, request, seconds)
        if response.code >= 300:
            try:
                body = await self._body(verb, response, _MOST_ERROR, seconds)
            except (S3Unavailable, ObjectTooLarge):
                body = b""  # the status says enough
            raise self._error(operation, response.code, body)
        return response

    async def _send(self, verb: str, request: SignedRequest, seconds: float) -> IResponse:
        fields = Headers()
        for name, value in request.fields:
            fields.addRawHeader(name, value)
        body = (
            RepresentationProducer(Representation.from_bytes(request.body))
            if request.body
            else None
        )
        answer = self._agent.request(request.method, request.url, fields, body)
        return await self._in_time(verb, answer, seconds)

    async def _body(self, verb: str, response: IResponse, most: int, seconds: float) -> bytes:
        try:
            return await self._in_time(verb, read_body(response, most), seconds)
        except BodyTooLarge:
            raise ObjectTooLarge(verb, f"it has more than {most} bytes") from None

    async def _in_time(self, verb: str, coming: Deferred[T], seconds: float) -> T:
        try:
            return await coming.addTimeout(seconds, self._clock)
        except BodyTooLarge:
            raise
        except LateError:
            text = f"no answer within {seconds:g} s"
            raise S3Unavailable(verb, text, passing=True, late=True) from None
        except Exception as error:
            if was_cancelled(error):
                raise CancelledError from None
            raise S3Unavailable(verb, reason_of(error), passing=True) from None

    def _error(self, operation: str, status: int, body: bytes) -> S3Error:
        """The error that an answer stands for."""
        verb = VERBS[operation]
        code = self._requests.error_code(status, body)
        kind = f"{status_text(status)} ({code})" if code else status_text(status)
        if status == 404 and code != "NoSuchUpload":
            return ObjectMissing(verb, kind, status)
        if status == 412:
            return ObjectChanged(verb, kind, status)
        if status == 403 and operation == "HeadObject":
            return ObjectRefused(verb, kind, status)
        if status in {401, 403}:
            return S3Refused(verb, kind, status)
        return S3Unavailable(verb, kind, status, passing=status in _PASSING)


def lower_fields(response: IResponse) -> dict[str, str]:
    """
    The header of an answer.  Names in lower case: Twisted writes them as C{X-Amz-Meta-Md5sum}, and
    a part of them is the name of a user's metadata.
    """
    return {
        name.decode("ascii").lower(): _text(values[0])
        for name, values in response.headers.getAllRawHeaders()
    }


def _text(value: bytes) -> str:
    """A value that can be signed, and sent as the same bytes, again."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _unobserved(_operation: str, _outcome: str, _seconds: float) -> None:
    """Nobody looks."""
