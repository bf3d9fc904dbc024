"""Resources whose answers are made by coroutines: what becomes of their failures."""

from __future__ import annotations

from twisted.logger import Logger

from httpd.web.problems import OWN_FAULT, Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource


class CoroutineResource(Resource):
    """A resource whose answers are made by a coroutine, which may fail."""

    log = Logger()

    def problem_of(self, error: Exception) -> Problem | None:
        """The problem that tells a client of C{error}; L{None}: it is our own fault."""
        return error if isinstance(error, Problem) else None

    def tell(self, request: ServiceRequest, error: Exception) -> None:
        """
        Answer with an error, or cut the connection where the answer has already begun; to be called
        where the error is dealt with.  Who has left is told nothing: the log is.
        """
        problem = self.problem_of(error)
        if problem is None:
            self.log.failure("request {request_id} failed", request_id=request.identifier)
            problem = Problem(500, OWN_FAULT)
        elif request.left:
            self.log.warn(
                "request {request_id} ended with {status} after its client had left: {reason}",
                request_id=request.identifier,
                status=problem.status,
                reason=problem.detail,
            )
        if request.left:
            return
        if request.startedWriting:
            request.problem = problem
            request.abort()
        else:
            request.refuse(problem)
