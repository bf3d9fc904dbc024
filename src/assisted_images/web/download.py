"""What all downloads have in common: a question, a slot, a coroutine, an end."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from assisted_images.store.images import ImageContent, OsImage
from assisted_images.web.application import Application
from assisted_images.web.cors import allow_origin, answer_preflight, is_preflight
from assisted_images.web.errors import problem_of
from assisted_images.web.parameters import Parameters
from assisted_images.web.problems import Problem, write_problem
from assisted_images.web.questions import About, kept_questions
from assisted_images.web.request import ServiceRequest
from assisted_images.web.resource import LeafResource
from assisted_images.web.respond import Content, respond
from assisted_images.web.selection import WantedImage, select_image
from httpd.concurrency.coroutines import begun


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
        self, wanted: W, image: OsImage, content: ImageContent, request: ServiceRequest
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
            image, content = select_image(
                self.application.store, wanted.image, self.application.clock
            )
            async with self.application.slots:
                await respond(request, await self.fetch(wanted, image, content, request))
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
