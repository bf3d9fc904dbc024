"""Resources whose answers are streamed: each with a slot, by a coroutine, to a certain end."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from twisted.internet.defer import CancelledError

from httpd.concurrency.coroutines import begun
from httpd.concurrency.slots import ClientSlots, Slots
from httpd.http1.connections import Connections
from httpd.web.coroutine_resource import CoroutineResource
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content, respond

F = TypeVar("F")


class Streamed(CoroutineResource, Generic[F]):
    """
    A resource whose answers are streamed.

    A subclass says what a request asks for (L{find}), and makes it (L{fetch}); the way of every
    request is L{_answer}.
    """

    def __init__(
        self, slots: Slots, connections: Connections, client_slots: ClientSlots | None = None
    ) -> None:
        """
        @param client_slots: of these C{slots}; L{None}: one client may have all.
        """
        self._slots = slots
        self._client_slots = client_slots
        self._connections = connections

    def find(self, request: ServiceRequest) -> F:
        """
        Find what is asked for, at once.

        @raise Problem: there is no such thing, or the request makes no sense.
        """
        raise NotImplementedError

    async def fetch(self, found: F, request: ServiceRequest) -> Content:
        """
        Make what is sent of what was found; called once the request has a slot.

        @raise Problem: that cannot be done.
        """
        raise NotImplementedError

    def answer(self, request: ServiceRequest) -> None:
        """Begin; the coroutine is cancelled when the client leaves."""
        if self._connections.crowded:
            detail = "answers are under way on as many connections as there may be"
            request.refuse(Problem(503, detail, {"Retry-After": "10"}))
            return
        request.answer = begun(self._answer(request))

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            found = self.find(request)
            async with self._turn_of(request):
                await respond(request, await self.fetch(found, request))
        except CancelledError:
            pass  # the client has left, or was cut off
        except Exception as error:
            self.tell(request, error)

    def _turn_of(self, request: ServiceRequest) -> AbstractAsyncContextManager[None]:
        """What holds a slot for a request."""
        if self._client_slots is None:
            return self._slots
        return self._client_slots.of(request.client_address)
