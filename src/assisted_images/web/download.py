"""What all downloads have in common: a slot, a coroutine, an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from assisted_images.web.application import Application
from assisted_images.web.cors import allow_origin, answer_preflight, is_preflight
from assisted_images.web.errors import problem_of
from assisted_images.web.problems import Problem, write_problem
from assisted_images.web.resource import LeafResource
from assisted_images.web.respond import Content, respond
from assisted_images.web.site import ServiceRequest

Preparation = Callable[[], Awaitable[Content]]
"""Fetches and composes what a request asks for; called once the request has a slot."""


class Download(LeafResource):
    """
    A resource whose answers are downloads.

    A subclass says what is asked for (L{select}); the way of every request is L{_answer}.
    """

    log = Logger()

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application = application

    def select(self, request: ServiceRequest) -> Preparation:
        """
        Read the path, the query and the credential, and find the image.

        Also sets the request's C{route}, and what its log line tells of it.

        @raise Problem: nothing can be served for this.
        """
        raise NotImplementedError

    def render(self, request: ServiceRequest) -> int:
        """Answer what a browser asks in advance, too; then as any resource."""
        allow_origin(request, self.application.allowed_domains)
        if is_preflight(request, self.application.allowed_domains):
            answer_preflight(request)
            return NOT_DONE_YET
        return super().render(request)

    def answer(self, request: ServiceRequest) -> None:
        """Begin; the coroutine is cancelled when the client leaves."""
        if self.application.connections.crowded:
            detail = "answers are under way on as many connections as there may be"
            write_problem(request, Problem(503, detail, {"Retry-After": "10"}))
            return
        request.answer = Deferred.fromCoroutine(self._answer(request))

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            prepare = self.select(request)
            async with self.application.slots:
                content = await prepare()
                await respond(request, content)
        except CancelledError:
            pass  # the client has left, or was cut off
        except Exception as error:
            self._tell(request, error)

    def _tell(self, request: ServiceRequest, error: Exception) -> None:
        """Answer with an error, or cut the connection where the answer has already begun."""
        problem = problem_of(error)
        if problem is None:
            self.log.failure("request {request_id} failed", request_id=request.identifier)
            problem = Problem(500, "the service failed to answer; its log says why")
        if request.startedWriting:
            request.abort()
        else:
            write_problem(request, problem)
