"""A resource that answers every request with one representation."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource
from httpd.web.respond import Content, respond


class Responding(Resource):
    """Answers every request with one content, and remembers how each ended."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self.content = content
        self.outcomes: list[Exception | None] = []
        self.ended: Deferred[None] = Deferred()

    def answer(self, request: ServiceRequest) -> None:
        answer = Deferred.fromCoroutine(self.respond(request))
        request.notifyFinish().addErrback(lambda _: answer.cancel())

    async def respond(self, request: ServiceRequest) -> None:
        outcome: Exception | None = None
        try:
            await respond(request, self.content)
        except Problem as problem:
            request.refuse(problem)
        except Exception as error:
            outcome = error
            if not (request.startedWriting or isinstance(error, CancelledError)):
                request.refuse(Problem(500, "there is no body"))
        self.outcomes.append(outcome)
        if not self.ended.called:
            self.ended.callback(None)
