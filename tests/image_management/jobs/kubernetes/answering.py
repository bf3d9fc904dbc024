"""A server in place of Kubernetes' API, which gives the answers that a test has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock, deferLater
from twisted.web.client import BrowserLikePolicyForHTTPS

from image_management.jobs.kubernetes.api import REQUEST_SECONDS, ApiError, KubernetesApi
from image_management.jobs.kubernetes.connection import Cluster
from image_management.jobs.kubernetes.labels import JOB_LABEL
from image_management.jobs.kubernetes.resources import Object
from tests.httpd.outbound.servers import (
    Received,
    Server,
    ServerTestCase,
    response,
    trial_reactor,
)

THING: Object = {"metadata": {"name": "it", "labels": {JOB_LABEL: "job"}}}


def status(code: int, reason: str = "", message: str = "no", retry_after: str = "0") -> bytes:
    """An error as Kubernetes answers it."""
    document = {"kind": "Status", "status": "Failure", "code": code}
    document |= {"reason": reason, "message": message}
    return response(f"{code} Whatever", json.dumps(document).encode(), Retry_After=retry_after)


def found(thing: Any = THING) -> bytes:
    return response(body=json.dumps(thing).encode())


CUT = b""
"""The connection ends without an answer."""


class ApiTestCase(ServerTestCase):
    """A server that gives answers, one after the other, and a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.answers: list[bytes | None] = []
        self.server: Server = self.serve(self.answer)
        cluster = Cluster(self.server.url, BrowserLikePolicyForHTTPS(), lambda: "s3cr3t")
        self.api = KubernetesApi(cluster, self.agent(), self.clock)

    def answer(self, received: Received, transport: ITCPTransport) -> None:
        data = self.answers.pop(0)
        if data == CUT:
            transport.abortConnection()
        elif data is not None:
            transport.write(data)

    async def until(self, holds: Callable[[], Any]) -> None:
        while not holds():
            await deferLater(trial_reactor(), 0)

    def waits(self) -> list[float]:
        """The seconds until something is to happen, but for requests that take too long."""
        now = self.clock.seconds()
        times = [call.getTime() - now for call in self.clock.getDelayedCalls()]
        return [one for one in times if one != REQUEST_SECONDS]

    async def outcome(self, doing: Any, *pauses: float) -> Any:
        """
        What comes of something, if it pauses as said.

        @return: its result, or its L{ApiError}.
        """
        running = Deferred.fromCoroutine(doing)
        for pause in pauses:
            await self.until(lambda: running.called or self.waits())
            self.assertEqual(self.waits(), [pause])
            self.clock.advance(pause)
        try:
            return await running
        except ApiError as error:
            return error
