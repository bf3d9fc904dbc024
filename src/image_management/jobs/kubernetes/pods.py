"""What a pod says of itself (Kubernetes API Reference, "Pod")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from image_management.jobs.kubernetes.resources import Object, name_of


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod."""

    name: str
    waiting: Mapping[str, Any] | None = None
    """Why it does not run yet, where it does not."""
    running: Mapping[str, Any] | None = None
    ended: Mapping[str, Any] | None = None
    """How it has ended, once it has."""

    @property
    def began(self) -> float | None:
        """The Unix time at which it began; C{None}: it has not."""
        state = self.running or self.ended
        return None if state is None else unix_time(state.get("startedAt"))


@dataclass(frozen=True, slots=True)
class Stage:
    """A container that has begun, as a part of the work of a job."""

    pod: str
    container: str
    began: float = field(compare=False)
    """The Unix time."""


def containers_of(pod: Object) -> Iterator[Container]:
    """Its containers, in the order in which they begin."""
    status = status_of(pod)
    told = {
        one["name"]: one.get("state") or {}
        for group in ("initContainerStatuses", "containerStatuses")
        for one in status.get(group) or ()
    }
    for one in _specified(pod):
        state = told.get(one["name"], {})
        yield Container(
            one["name"], state.get("waiting"), state.get("running"), state.get("terminated")
        )


def stages_of(pods: Sequence[Object]) -> list[Stage]:
    """What has begun of all that pods do, in order."""
    ordered = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")))
    return [
        Stage(name_of(pod), one.name, one.began)
        for pod in ordered
        for one in containers_of(pod)
        if one.began is not None
    ]


def is_ended(pod: Object) -> bool:
    """Whether none of its containers runs or is going to."""
    return status_of(pod).get("phase") in {"Succeeded", "Failed"}


def memory_limit(pod: Object, container: str) -> str | None:
    """How much memory a container may use, in Kubernetes' notation; C{None}: all there is."""
    for one in _specified(pod):
        if one["name"] == container:
            limits = (one.get("resources") or {}).get("limits") or {}
            limit: str | None = limits.get("memory")
            return limit
    return None


def last_progress(pod: Object) -> float:
    """The Unix time at which it went on last."""
    scheduled = conditions_of(pod).get("PodScheduled", {})
    times = [pod["metadata"].get("creationTimestamp")]
    if scheduled.get("status") == "True":
        times.append(scheduled.get("lastTransitionTime"))
    for one in containers_of(pod):
        for state in (one.running, one.ended):
            if state is not None:
                times += [state.get("startedAt"), state.get("finishedAt")]
    return max(map(unix_time, times))


def conditions_of(thing: Object) -> Mapping[str, Mapping[str, Any]]:
    """The conditions that an object tells of, by their types."""
    return {one["type"]: one for one in status_of(thing).get("conditions") or ()}


def status_of(thing: Object) -> Mapping[str, Any]:
    """What is told of an object; at first that is nothing."""
    return thing.get("status") or {}


def unix_time(text: object) -> float:
    """The Unix time of a timestamp (RFC 3339); 0 where there is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _specified(pod: Object) -> Iterator[Mapping[str, Any]]:
    spec = pod["spec"]
    yield from spec.get("initContainers") or ()
    yield from spec["containers"]
