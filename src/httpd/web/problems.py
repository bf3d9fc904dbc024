"""Errors as clients see them: one short sentence, or problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from twisted.web.http import Request

from httpd.representation.negotiation import preferred_type

PLAIN = "text/plain"
PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """
    A request that cannot be answered as asked; raised anywhere below a resource.

    @ivar status: the status code.
    @ivar detail: one sentence for the client; never a secret.
    @ivar headers: header fields that go with it, such as C{Allow}.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """The status code's own phrase."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"  # a code of assisted-service's own making

    def as_json(self) -> bytes:
        """This problem as a C{application/problem+json} document."""
        members = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return json.dumps(members).encode()


def write_problem(request: Request, problem: Problem) -> None:
    """Answer C{request} with C{problem}, whole; nothing may have been written before."""
    kind = preferred_type(request.getHeader("accept"), (PLAIN, PROBLEM_JSON))
    body = problem.as_json() if kind == PROBLEM_JSON else problem.detail.encode() + b"\n"
    request.setResponseCode(problem.status, problem.title.encode())
    request.setHeader("cache-control", "no-store")
    for name, value in problem.headers.items():
        request.setHeader(name, value)
    finish_with(request, body, f"{PLAIN}; charset=utf-8" if kind == PLAIN else kind)


def finish_with(request: Request, body: bytes, content_type: str) -> None:
    """Send a short C{body} that is at hand, without its bytes where the request is a HEAD."""
    request.setHeader("content-type", content_type)
    request.setHeader("content-length", str(len(body)))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()
