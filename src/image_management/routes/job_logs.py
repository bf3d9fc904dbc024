"""C{/jobs/:id/log}."""

from __future__ import annotations

import re

from twisted.internet.defer import CancelledError

from httpd.concurrency.coroutines import begun
from httpd.http1.connections import Connections
from httpd.texts import quoted
from httpd.web.chunked import send_chunks
from httpd.web.coroutine_resource import CoroutineResource
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.jobs.service import JobService
from image_management.records.kinds import Kind
from image_management.records.words import truth
from image_management.routes import query
from image_management.routes.problems import problem_of
from image_management.store.store import Store

_TYPE = "text/plain; charset=utf-8"


class JobLog(CoroutineResource):
    """What a job has said, and where it is wanted what it says until it is over."""

    def __init__(self, store: Store, jobs: JobService, connections: Connections) -> None:
        self._connections = connections
        self._store = store
        self._jobs = jobs

    def answer(self, request: ServiceRequest) -> None:
        """Begin; it is cancelled when the client leaves."""
        request.answer = begun(self._answer(request))

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            follow, tail = _follow(request), _tail(request)
            [id] = request.path_values
            job = await self._store.get(Kind.JOB, id)
            request.facts["record"] = job.id

            def goes_on() -> bool:
                # Who follows would keep the service from going down.
                return follow and not self._connections.draining

            reader = self._jobs.log(job, follow=goes_on, tail=tail)
            try:
                await send_chunks(request, _TYPE, reader.read)
            finally:
                reader.close()
        except CancelledError:
            pass  # the client has left
        except Exception as error:
            self.tell(request, error)

    def problem_of(self, error: Exception) -> Problem | None:
        """What a client is told of an error of the records or their store."""
        return problem_of(error)


def _follow(request: ServiceRequest) -> bool:
    said = query.text(request, "follow")
    follow = False if said is None else truth(said)
    if follow is None:
        raise query.wrong("follow", f"{quoted(said or '')}; expected true or false")
    return follow


def _tail(request: ServiceRequest) -> int | None:
    said = query.text(request, "tail")
    if said is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", said):
        raise query.wrong("tail", f"{quoted(said)}; expected a number of lines")
    return int(said)
