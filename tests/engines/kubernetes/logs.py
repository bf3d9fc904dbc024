"""What the containers of the double have written, and who reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from twisted.web.server import Request

from tests.engines.kubernetes.objects import Event, Objects
from tests.engines.kubernetes.orders import Asked
from tests.engines.kubernetes.resources import KINDS, Json, StatusError
from tests.engines.kubernetes.streaming import Log, shown_line

PODS = KINDS["pods"]

Place = tuple[str, str, str]
"""Namespace, pod and container."""


class Logs:
    """The logs of all containers, by lines."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lines: dict[Place, list[tuple[str, str]]] = {}
        self._followed: list[tuple[Place, Log]] = []
        objects.observers.append(self._noticed)

    def write(self, place: Place, lines: Iterable[str]) -> None:
        """Have a container write."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
        written = [(now, line) for line in lines]
        self._lines.setdefault(place, []).extend(written)
        for followed, log in self._followed:
            if followed == place:
                log.write(written)

    def answer(self, request: Request, asked: Asked) -> None:
        """
        Send a container's log, and with C{follow} go on until it ends.

        @raise StatusError: there is none.
        """
        pod = self._objects.get(PODS, asked.namespace, asked.name)
        container = _container_of(pod, asked.query.get("container", ""))
        state = _state_of(pod, container)
        if not state.keys() & {"running", "terminated"}:
            why = (state.get("waiting") or {}).get("reason", "ContainerCreating")
            message = f'container "{container}" in pod "{asked.name}" is waiting to start: {why}'
            raise StatusError(400, "BadRequest", message)
        place = asked.namespace, asked.name, container
        lines = self._lines.get(place, [])
        if "tailLines" in asked.query:
            wanted = int(asked.query["tailLines"])
            lines = lines[-wanted:] if wanted else []
        request.setHeader("content-type", "text/plain")
        request.write(b"")
        log = Log(request, shown_line(dict(asked.query)))
        log.write(lines)
        if asked.query.get("follow") == "true" and "terminated" not in state:
            self._followed.append((place, log))
        else:
            log.end()

    def _noticed(self, event: Event) -> None:
        """A container that has ended writes nothing more."""
        if event.kind is not PODS:
            return
        metadata = event.object["metadata"]
        gone = event.type == "DELETED"
        for place, log in [*self._followed]:
            if place[:2] == (metadata["namespace"], metadata["name"]) and (
                gone or "terminated" in _state_of(event.object, place[2])
            ):
                self._followed.remove((place, log))
                log.end()


def _container_of(pod: Json, wanted: str) -> str:
    name, spec = pod["metadata"]["name"], pod["spec"]
    names = [one["name"] for one in spec["containers"]]
    first = [one["name"] for one in spec.get("initContainers") or ()]
    if not wanted and len(names) == 1:
        return str(names[0])
    if not wanted:
        message = f"a container name must be specified for pod {name}, choose one of: {names}"
        if first:
            message += f" or one of the init containers: {first}"
        raise StatusError(400, "BadRequest", message)
    if wanted not in {*names, *first}:
        raise StatusError(400, "BadRequest", f"container {wanted} is not valid for pod {name}")
    return wanted


def _state_of(pod: Json, container: str) -> dict[str, Any]:
    status = pod.get("status") or {}
    for group in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(group) or ():
            if one["name"] == container:
                return dict(one.get("state") or {})
    return {}
