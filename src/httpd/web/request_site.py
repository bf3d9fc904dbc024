"""What a request needs of its server, and who is told of requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IReactorTime

from httpd.forwarding import TrustedProxies
from httpd.http1.channel import ClientObserver
from httpd.logs.requests import RequestLog

if TYPE_CHECKING:
    from httpd.web.request import ServiceRequest


class RequestObserver(ClientObserver, Protocol):
    """Is told of the requests; L{assisted_images.routes.metrics.Metrics} is one."""

    def request_started(self, route: str) -> None:
        """Note that a request to C{route} is being answered."""

    def request_ended(
        self, route: str, method: str, status: int, size: int, seconds: float
    ) -> None:
        """Note that it is over; C{size} is bytes of body sent."""


class RequestRoutes(Protocol):
    """Who answers requests; L{httpd.web.routes.Routes} is it."""

    def answer(self, request: ServiceRequest) -> None:
        """Have a request answered, or refuse it."""

    def label(self, parts: Sequence[str]) -> str:
        """What the log and the metrics call the route of a path; empty where it has no name."""


class RequestSite(Protocol):
    """What a request needs of its server."""

    clock: IReactorTime
    request_log: RequestLog
    most_body_bytes: int | None
    problem_types: Sequence[str]
    trusted_proxies: TrustedProxies

    @property
    def routes(self) -> RequestRoutes:
        """Who answers it."""

    @property
    def observer(self) -> RequestObserver:
        """Is told of the requests."""

    def greeting(self) -> bytes:
        """The header fields that every response has, as they are sent."""
