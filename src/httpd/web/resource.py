"""The resources of a read-only service: C{GET}, C{HEAD}, and nothing that is not there."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from httpd.web.problems import Problem, finish_with, write_problem
from httpd.web.request import ServiceRequest


class LeafResource(Resource):
    """A resource that answers C{GET} and C{HEAD} by itself, below which there is nothing."""

    isLeaf = True

    def render(self, request: ServiceRequest) -> int:
        """Refuse any other method (contract, section 4); L{answer} the rest."""
        if request.method in (b"GET", b"HEAD"):
            self.answer(request)
        else:
            detail = "this service answers GET and HEAD only"
            write_problem(request, Problem(405, detail, {"Allow": "GET, HEAD"}))
        return NOT_DONE_YET

    def answer(self, request: ServiceRequest) -> None:
        """Answer, now or later, and finish the request."""
        raise NotImplementedError


class TextResource(LeafResource):
    """A short text that never changes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._body = text.encode() + b"\n"

    def answer(self, request: ServiceRequest) -> None:
        """Send the text."""
        finish_with(request, self._body, "text/plain; charset=utf-8")


class NotFound(Resource):
    """What is at every path where nothing is."""

    isLeaf = True

    def render(self, request: ServiceRequest) -> int:
        """Say so."""
        write_problem(request, Problem(404, "there is nothing at this path"))
        return NOT_DONE_YET


class Branch(Resource):
    """A resource with children, and none besides."""

    def getChild(self, path: bytes, request: ServiceRequest) -> Resource:
        """Whatever no child answers to is not found."""
        return NotFound()

    def render(self, request: ServiceRequest) -> int:
        """Nothing is here itself."""
        return NotFound().render(request)
