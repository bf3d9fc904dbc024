"""What all downloads have in common: a question, a slot, a coroutine, an end."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from assisted_images.infra_envs.configurations import InfraEnvError
from assisted_images.iso9660.errors import IsoError
from assisted_images.live.compose import AreaOverflow, NoKernelArgumentArea
from assisted_images.live.kargs import BadKernelArgument
from assisted_images.routes.application import Application
from assisted_images.routes.parameters import About, Parameters, kept_questions
from assisted_images.routes.selection import WantedImage, select_image
from assisted_images.store.images import OsImage, ReadyImage
from httpd.concurrency.coroutines import begun
from httpd.web.cors import allow_origin, answer_preflight, is_preflight
from httpd.web.problems import Problem, write_problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import LeafResource
from httpd.web.respond import Content, respond


class Wanted(Protocol):
    """What a request asks for."""

    @property
    def image(self) -> WantedImage:
        """The OS image that it is made of."""


W = TypeVar("W", bound=Wanted)


class Download(LeafResource, Generic[W]):
    """
    A resource whose answers are downloads.

    A subclass says what is asked for (L{read}), and makes it of the OS image (L{fetch}); the way of
    every request is L{_answer}.
    """

    log = Logger()

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application = application
        self._question = kept_questions(self.read)

    def read(self, parameters: Parameters, about: About) -> W:
        """
        Read what is asked for, and tell what the request is about.

        @raise Problem: it makes no sense.
        """
        raise NotImplementedError

    async def fetch(
        self, wanted: W, image: OsImage, ready: ReadyImage, request: ServiceRequest
    ) -> Content:
        """
        Make it of an image that is ready; called once the request has a slot.

        @raise Problem: that cannot be done.
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
        request.answer = begun(self._answer(request))

    async def _answer(self, request: ServiceRequest) -> None:
        try:
            question = self._question(Parameters.of(request))
            if question.about.route:
                request.observe_as(question.about.route)
            request.facts.update(question.about.facts)
            wanted = question.wanted
            image, ready = select_image(
                self.application.store, wanted.image, self.application.clock
            )
            async with self.application.slots:
                await respond(request, await self.fetch(wanted, image, ready, request))
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


def problem_of(error: Exception) -> Problem | None:
    """The problem that tells a client of C{error}; L{None} for errors that are our own fault."""
    match error:
        case Problem():
            return error
        case InfraEnvError():
            return Problem(error.status, str(error))
        case NoKernelArgumentArea():
            return Problem(400, str(error))
        case AreaOverflow() | BadKernelArgument() | IsoError():
            return Problem(422, str(error))
    return None
