"""What stands at the end of a route: a resource, which answers requests."""

from __future__ import annotations

from collections.abc import Sequence

from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest


class Resource:
    """
    Answers the requests of a L{Route<httpd.web.routes.Route>}.

    @ivar allowed_origins: web origins (RFC 6454) whose pages may read it; C{*} is any.
    """

    allowed_origins: Sequence[str] = ()

    def answer(self, request: ServiceRequest) -> None:
        """
        Answer, now or later, and finish the request.

        @param request: with one of the route's methods; its C{path_values} are what stands in the
            path for the route's parameters.
        """
        raise NotImplementedError


class TextResource(Resource):
    """A short text that never changes."""

    def __init__(self, text: str) -> None:
        self._body = text.encode() + b"\n"

    def answer(self, request: ServiceRequest) -> None:
        """Send the text."""
        request.finish_with(self._body, "text/plain; charset=utf-8")


class Refusal(Resource):
    """The same problem for everybody."""

    def __init__(self, status: int, detail: str) -> None:
        """
        @param detail: one sentence for the client.
        """
        self._status = status
        self._detail = detail

    def answer(self, request: ServiceRequest) -> None:
        """Refuse."""
        request.refuse(Problem(self._status, self._detail))
