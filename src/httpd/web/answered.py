"""Resources that are answered whole: a coroutine makes a value of a request, which is then sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError

from httpd.concurrency.coroutines import begun
from httpd.representation.segments import Representation
from httpd.web.coroutine_resource import CoroutineResource
from httpd.web.request import ServiceRequest
from httpd.web.respond import play

_SAFE = frozenset({b"GET", b"HEAD"})
"""The methods that change nothing (RFC 9110, section 9.2.1)."""

_SHORT = 64 * 1024
"""Bytes of body that are sent without asking whether the client can take them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further header fields."""


class Answered(CoroutineResource):
    """
    A resource whose answers are values.

    What only reads is given up when the client leaves.  What may change something goes on to its
    end.
    """

    async def reply(self, request: ServiceRequest) -> Reply:
        """
        Do what is asked for.

        @raise Problem: that cannot be done.
        """
        raise NotImplementedError

    def answer(self, request: ServiceRequest) -> None:
        """Begin."""
        running = begun(self._answer(request))
        if request.method in _SAFE:
            request.answer = running

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            reply = await self.reply(request)
            if not request.left:
                await _send(request, reply)
        except CancelledError:
            pass  # the client has left
        except Exception as error:
            self.tell(request, error)


async def _send(request: ServiceRequest, reply: Reply) -> None:
    """Send it, at the client's pace where it is long."""
    request.setResponseCode(reply.status)
    for name, value in reply.headers.items():
        request.setHeader(name, value)
    if len(reply.body) > _SHORT and request.method != b"HEAD":
        request.describe_whole(len(reply.body), reply.content_type)
        await play(request, Representation.from_bytes(reply.body))
        request.finish()
    else:
        request.finish_with(reply.body, reply.content_type)
