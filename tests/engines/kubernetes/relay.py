"""
A real Kubernetes that fails as a test says: its API server with a relay before it, which does what
was ordered.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import ResponseDone, readBody
from twisted.web.iweb import IResponse
from twisted.web.server import Request

from tests.engines.kubernetes.bed import JOBS_RESOURCES, ROOT_CA, KubernetesBed
from tests.engines.kubernetes.control_plane import ControlPlane
from tests.engines.kubernetes.exchange import body_bytes
from tests.engines.kubernetes.failing_server import NAMESPACE, FailingServer
from tests.engines.kubernetes.orders import Asked
from tests.engines.kubernetes.resources import Kind, StatusError
from tests.engines.kubernetes.streaming import Answering
from tests.httpd.outbound.servers import trial_reactor

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_POLL_SECONDS = 0.05


class Relay(FailingServer):
    """
    Hands requests of the service to the API server, in the name of one who may do everything.  The
    test itself asks that without a relay.
    """

    def __init__(self, directory: Path, plane: ControlPlane) -> None:
        super().__init__(directory)
        self._admin = plane.client(NAMESPACE)
        KubernetesBed.__init__(self, plane.server, self.kubeconfig, self._admin)

    def do(self, request: Request, asked: Asked, kind: Kind) -> None:
        """Begin to."""
        Deferred.fromCoroutine(self._relay(request, asked))

    def do_unseen(self, request: Request, asked: Asked, kind: Kind) -> Deferred[Any]:
        """Have it done."""

        async def done() -> None:
            await readBody(await self._ask(request))

        return Deferred.fromCoroutine(done())

    async def _relay(self, request: Request, asked: Asked) -> None:
        answering = Answering(request)
        response = await self._ask(request)
        if not answering.open:
            return
        request.setResponseCode(response.code)
        for name, values in response.headers.getAllRawHeaders():
            if name.decode().lower() not in _HOP_BY_HOP:
                request.responseHeaders.setRawHeaders(name, values)
        request.write(b"")
        if asked.verb == "watch" and response.code == 200:
            self.is_watched_by(answering)
        response.deliverBody(_Relayed(request, answering))

    async def _ask(self, request: Request) -> IResponse:
        kind = request.getHeader("content-type") or "application/json"
        return await self._admin.send(
            request.method.decode(), request.uri.decode(), body_bytes(request) or None, kind
        )

    async def clear(self) -> None:
        """Leave nothing that a test has made, and wait until it is gone."""
        secrets = self._admin.within("services")
        for name in await secrets.names("secrets"):
            await secrets.delete("secrets", name)
        for resource in JOBS_RESOURCES:
            for name in await self._names(resource):
                with suppress(StatusError):  # it may go by itself
                    await self._admin.delete(resource, name, propagationPolicy="Background")
        for resource in JOBS_RESOURCES:
            while await self._names(resource):
                await deferLater(trial_reactor(), _POLL_SECONDS)

    async def _names(self, resource: str) -> set[str]:
        return set(await self._admin.names(resource)) - {ROOT_CA}


class _Relayed(Protocol):
    """Hands on the body of an answer; its reader may go."""

    def __init__(self, request: Request, answering: Answering) -> None:
        self._request = request
        self._answering = answering

    def dataReceived(self, data: bytes) -> None:
        if self._answering.open:
            self._request.write(data)

    def connectionMade(self) -> None:
        self._answering.closed.addCallback(lambda _: self._connection.loseConnection())

    @property
    def _connection(self) -> Any:
        return self.transport

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone):
            self._answering.end()
        else:
            self._answering.cut()


def start_relay(test: TestCase, plane: ControlPlane) -> Relay:
    """A relay to a cluster with nothing in it; the test's end leaves nothing of either."""
    relay = Relay(Path(test.mktemp()).resolve(), plane)

    async def end() -> None:
        await relay.stop()
        await relay.clear()
        await relay.client.close()

    test.addCleanup(lambda: Deferred.fromCoroutine(end()))
    return relay
