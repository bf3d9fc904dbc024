"""Downloads: what is made of an OS image, by whichever route it is asked for."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from assisted_images.infra_envs.configurations import InfraEnvError
from assisted_images.iso9660.errors import IsoError
from assisted_images.live.compose import AreaOverflow, NoKernelArgumentArea
from assisted_images.live.kargs import BadKernelArgument
from assisted_images.on_demand.fetch import BlockUnavailable
from assisted_images.routes.application import Application
from assisted_images.routes.checksums import ENDING
from assisted_images.routes.parameters import Parameters, Question, Read
from assisted_images.routes.selection import SelectedImage, WantedImage, select_image
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content
from httpd.web.streamed import Streamed


class Wanted(Protocol):
    """What a request asks for."""

    @property
    def image(self) -> WantedImage:
        """The OS image that it is made of."""

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """
        Make it of the image.

        @raise Problem: that cannot be done; other errors are as L{Download.problem_of} knows them.
        """


class Found(NamedTuple):
    """What a request asks for, and the image as it is now."""

    wanted: Wanted
    image: SelectedImage


class Download(Streamed[Found]):
    """The resource of every route that leads to something made of an OS image."""

    def __init__(self, application: Application, read: Read[Wanted]) -> None:
        """
        @param read: reads what requests of the route ask for.
        """
        super().__init__(application.slots, application.connections, application.client_slots)
        self.allowed_origins = application.allowed_domains
        self._application = application
        self._read = read

    def find(self, request: ServiceRequest) -> Found:
        """
        Read what is asked for, and find the image.

        @raise Problem: it makes no sense, or there is no such image, or it is not ready.
        """
        question = self._question(request)
        request.facts.update(question.facts)
        wanted = question.wanted
        application = self._application
        return Found(wanted, select_image(application.store, wanted.image))

    def _question(self, request: ServiceRequest) -> Question[Wanted]:
        """What a request asks: read once for all that have the same head."""
        assert request.head is not None, "it has been received"
        kept = request.head.kept
        question: Question[Wanted] | None = kept.get(self)
        if question is None:
            question = kept[self] = Question.read(self._read, Parameters.of(request))
        return question

    async def fetch(self, found: Found, request: ServiceRequest) -> Content:
        """
        Make it of the image.

        @raise Problem: that cannot be done.
        """
        return await found.wanted.fetch(self._application, found.image, request)

    def problem_of(self, error: Exception) -> Problem | None:
        """The status of each error of the layers below (docs/reference/http-api.md, "Errors")."""
        match error:
            case InfraEnvError():
                return Problem(error.status, str(error))
            case BlockUnavailable():
                return Problem(503, f"the image cannot be read: {error}", {"Retry-After": "30"})
            case NoKernelArgumentArea():
                return Problem(400, str(error))
            case AreaOverflow() | BadKernelArgument() | IsoError():
                return Problem(422, str(error))
        return super().problem_of(error)


class ChecksumOfDownload(Download):
    """The resource beside each of these: the checksum of what that would send."""

    def __init__(self, application: Application, read: Read[Wanted]) -> None:
        super().__init__(application, read)
        # To hash takes no network, but seconds, in which who waits keeps no download waiting.
        self._slots, self._client_slots = application.checksums.slots, None

    async def fetch(self, found: Found, request: ServiceRequest) -> Content:
        """Make the line with the checksum; it is called what the client calls what it is of."""
        content = await super().fetch(found, request)
        name = request.path_parts[-1].removesuffix(ENDING)
        return self._application.checksums.of(content, name)
