"""
Kubernetes' API: objects read, made and deleted, watched and listened to.

What fails in passing is tried again: nothing that is done here does harm when it is done twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as LateError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from httpd.concurrency.slots import OwnSlots
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.bodies import BodyTooLarge, read_body, retry_after
from httpd.outbound.failures import reason_of, was_cancelled
from httpd.representation.segments import Representation
from httpd.streaming.producer import RepresentationProducer
from image_management.jobs.kubernetes.connection import Cluster
from image_management.jobs.kubernetes.errors import ApiError
from image_management.jobs.kubernetes.labels import JOB_LABEL, labels_of
from image_management.jobs.kubernetes.resources import Listing, Object, Resource, name_of
from image_management.jobs.kubernetes.streams import Stream, Watch

__all__ = ["JOB_LABEL", "ApiError", "KubernetesApi", "Listing"]

REQUEST_SECONDS = 30.0
"""For which a request may take."""

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further try of what failed in passing."""

_LONGEST_PAUSE = 60.0
"""Seconds that the API server may ask to be left alone for, so that somebody can be told."""

_MOST_AT_ONCE = 32
"""Requests, beside those whose answers go on."""

_MOST_BODY = 64 * 1024 * 1024
"""Bytes of an answer: a list of thousands of pods."""

_GRACE_SECONDS = 15.0
"""For which a server that was to end a watch may be late."""

_OBJECTS = msgspec.json.Decoder(dict[str, Any])

_T = TypeVar("_T")


class KubernetesApi:
    """
    The API of one cluster, in the name of one user.

    Everything may be cancelled, which closes the connection; the server may have done it all the
    same.
    """

    def __init__(
        self,
        cluster: Cluster,
        agent: OutboundAgent,
        clock: IReactorTime,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        """
        @param agent: one that trusts as the cluster's policy says.
        """
        self._cluster = cluster
        self._agent = agent
        self._clock = clock
        self._pauses = pauses
        self._slots = OwnSlots(_MOST_AT_ONCE)

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """
        An object.

        @raise ApiError: it cannot be had; with the status 404 it is not there.
        """
        path = resource.path(namespace, name)
        return await self._tried(lambda: self._once("GET", path, f"GET of {resource.kind} {name}"))

    async def list(self, resource: Resource, namespace: str, labels: str = "") -> Listing:
        """
        All objects of a kind in a namespace.

        @param labels: a label selector; empty: all there are.
        @raise ApiError: they cannot be had.
        """
        path = _with_query(resource.path(namespace), {"labelSelector": labels} if labels else {})
        what = f"list of {resource.plural}"
        found = await self._tried(lambda: self._once("GET", path, what))
        try:
            return Listing(found.get("items") or [], found["metadata"]["resourceVersion"])
        except KeyError:
            raise ApiError(what, "what it answers is no list") from None

    async def create(self, resource: Resource, namespace: str, thing: Object) -> Object:
        """
        Make an object.  One that is there already counts as made where a try of ours that had no
        answer may have made it, and it is of the same job.

        @return: as it is there now.
        @raise ApiError: it cannot be made; it may have been all the same.
        """
        name, path, tries = name_of(thing), resource.path(namespace), 0
        what = f"create of {resource.kind} {name}"

        async def attempt() -> Object:
            nonlocal tries
            tries += 1
            try:
                return await self._once("POST", path, what, thing)
            except ApiError as error:
                if tries == 1 or error.reason != "AlreadyExists":
                    raise
                there = await self._once(
                    "GET", resource.path(namespace, name), f"GET of {resource.kind} {name}"
                )
                if labels_of(there).get(JOB_LABEL) != labels_of(thing).get(JOB_LABEL):
                    raise
                return there

        return await self._tried(attempt)

    async def delete(
        self, resource: Resource, namespace: str, name: str, uid: str | None = None
    ) -> None:
        """
        Delete an object, and in the background what belongs to it; one that is gone is fine.

        @param uid: the object's; another of the same name stays.  C{None}: any.
        @raise ApiError: it cannot be deleted.
        """
        path, what = resource.path(namespace, name), f"delete of {resource.kind} {name}"
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._tried(lambda: self._once("DELETE", path, what, options))
        except ApiError as error:
            if error.status != 404:
                raise

    async def watch(
        self,
        resource: Resource,
        namespace: str,
        version: str,
        *,
        labels: str = "",
        seconds: int = 300,
    ) -> Watch:
        """
        What becomes of the objects of a kind from now on.  This is tried once.

        @param version: of the listing, or of the last event, after which it begins.
        @param labels: a label selector; empty: all there are.
        @param seconds: after which the server is to end it, so that one that is gone is noticed.
        @raise ApiError: it cannot be watched; with the status 403 this is not allowed, with 410
            C{version} is too long ago.
        """
        what = f"watch of {resource.plural}"
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **({"labelSelector": labels} if labels else {}),
        }
        path = _with_query(resource.path(namespace), query)
        return Watch(await self._open(path, what, seconds + _GRACE_SECONDS), what)

    async def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
    ) -> Stream:
        """
        What a container has written.  This is tried once.

        @param follow: whether it goes on until the container ends.
        @param tail: to begin with so many of the last lines; C{None}: with the first.
        @raise ApiError: it cannot be had; with the status 400 the container has not begun.
        """
        query = {
            "container": container,
            **({"follow": "true"} if follow else {}),
            **({} if tail is None else {"tailLines": str(tail)}),
        }
        path = _with_query(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query)
        return await self._open(path, f"log of {container} of Pod {pod}", None)

    async def close(self) -> None:
        """Close what is idle."""
        await self._agent.close()

    async def _tried(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Try once, and then a few times more while the trouble is one that may pass."""
        for pause in self._pauses:
            try:
                return await attempt()
            except ApiError as trouble:
                if not trouble.is_passing:
                    raise
                wanted = max(pause, min(trouble.retry_after, _LONGEST_PAUSE))
            await deferLater(self._clock, wanted)
        return await attempt()

    async def _once(
        self, method: str, path: str, what: str, body: Object | None = None
    ) -> dict[str, Any]:
        """One try."""

        async def exchange() -> dict[str, Any]:
            response = await self._send(method, path, body)
            return await _accepted(response, what)

        async with self._slots:
            return await self._in_time(what, exchange())

    async def _open(self, path: str, what: str, lasts: float | None) -> Stream:
        """An answer that goes on."""

        async def opened() -> IResponse:
            response = await self._send("GET", path)
            if response.code >= 300:
                await _accepted(response, what)
            return response

        stream = Stream(what, self._clock, lasts)
        try:
            (await self._in_time(what, opened())).deliverBody(stream)
        except BaseException:
            stream.close()
            raise
        return stream

    def _send(self, method: str, path: str, body: Object | None = None) -> Deferred[IResponse]:
        fields = Headers({"Accept": ["application/json"]})
        token = self._cluster.token()
        if token is not None:
            fields.setRawHeaders("Authorization", [f"Bearer {token}"])
        producer = None
        if body is not None:
            fields.setRawHeaders("Content-Type", ["application/json"])
            text = msgspec.json.encode(body)
            producer = RepresentationProducer(Representation.from_bytes(text))
        url = self._cluster.server + path
        return self._agent.request(method.encode(), url.encode(), fields, producer)

    async def _in_time(self, what: str, coming: Coroutine[Deferred[Any], Any, _T]) -> _T:
        running = Deferred.fromCoroutine(coming)
        try:
            return await running.addTimeout(REQUEST_SECONDS, self._clock)
        except ApiError:
            raise
        except LateError:
            raise ApiError(what, f"no answer within {REQUEST_SECONDS:g} s") from None
        except Exception as error:
            if was_cancelled(error):
                raise CancelledError from None
            raise ApiError(what, reason_of(error)) from None


async def _accepted(response: IResponse, what: str) -> dict[str, Any]:
    """
    What the answer to an accepted request says.

    @raise ApiError: it is none.
    """
    try:
        data = await read_body(response, _MOST_BODY)
    except BodyTooLarge:
        raise ApiError(what, f"its answer has more than {_MOST_BODY} bytes", 400) from None
    try:
        answer = _OBJECTS.decode(data)
    except (msgspec.DecodeError, RecursionError):
        if response.code < 300:
            raise ApiError(what, "its answer is no object of Kubernetes") from None
        answer = {}
    if response.code >= 300:
        raise ApiError.of_status(what, response.code, answer, retry_after(response))
    return answer


def _with_query(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
