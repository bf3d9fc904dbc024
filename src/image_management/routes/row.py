"""What a row of the table of routes is: a path, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from httpd.web.answered import Answered, Reply
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource
from httpd.web.routes import Route
from image_management.routes.problems import problem_of

Answer = Callable[[ServiceRequest], Coroutine[Deferred[Any], Any, Reply]]
"""Does what a request asks for, and says what is answered."""


class Answers(Answered):
    """What answers each method of a path."""

    def __init__(self, answers: Mapping[bytes, Answer]) -> None:
        self._answers = answers

    async def reply(self, request: ServiceRequest) -> Reply:
        """Do what is asked for."""
        return await self._answers[request.method](request)

    def problem_of(self, error: Exception) -> Problem | None:
        """What a client is told of an error of the records, their store, or S3."""
        return problem_of(error)


def row(
    pattern: str,
    *,
    get: Answer | Resource | None = None,
    post: Answer | None = None,
    patch: Answer | None = None,
    delete: Answer | None = None,
    **more: Any,
) -> Route:
    """
    A row of the table: what answers each method, HEAD where there is GET.  A path may always be
    asked for its C{OPTIONS}.

    @param get: what answers it, or a resource that does so in a way of its own.
    @param more: what else L{Route} knows.
    """
    if isinstance(get, Resource):
        return Route(pattern, (b"GET", b"HEAD", b"OPTIONS"), get, **more)
    answers = {
        method: answer
        for method, answer in (
            (b"GET", get),
            (b"HEAD", get),
            (b"POST", post),
            (b"PATCH", patch),
            (b"DELETE", delete),
        )
        if answer is not None
    }
    return Route(pattern, (*answers, b"OPTIONS"), Answers(answers), **more)
