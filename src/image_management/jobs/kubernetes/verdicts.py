"""
What the objects of a job say about it: why it is not going to come to a good end, if that is so.

Only what Kubernetes says is read here (Kubernetes API Reference, "Job" and "Pod"); the texts are
for the record of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from httpd.texts import shortened
from image_management.jobs.kubernetes.pods import (
    conditions_of,
    containers_of,
    last_progress,
    memory_limit,
    status_of,
)
from image_management.jobs.kubernetes.resources import Object, name_of
from image_management.secrets import REDACTION

_LONGEST_REASON = 1000
"""Characters."""

_WITH_NODE = frozenset(
    {
        "DeletionByPodGC",
        "DeletionByTaintManager",
        "NodeLost",
        "NodeShutdown",
        "Shutdown",
        "Terminated",
    }
)
"""Why pods go because their nodes do."""

_USUAL_WAITS = frozenset({"ContainerCreating", "PodInitializing"})
"""What every container waits for once."""

_WITHOUT_DETAIL = "BackoffLimitExceeded"
"""Why a Job fails whose pod has failed: the pod knows more."""


_KILLED = 137
"""The exit status after SIGKILL, 128 and its number."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of a job in the cluster."""

    job: Object | None
    """Its Job; C{None}: there is none."""
    pods: Sequence[Object] = ()
    """Its pods, as far as they may be looked at."""
    claim: Object | None = None
    """Its claim of storage, where that was looked at."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a job is not going to come to a good end."""

    reason: str
    """In words for people."""
    rank: int
    """How little it says: of several verdicts the one of the lowest rank tells most."""


def verdict_on(sight: Sight) -> Verdict | None:
    """
    Why a job is over that has not said so itself; C{None}: it is not over, or there is no telling.

    A job without Job is over here; whether one was made already is for others to know.
    """
    for rank, tell in enumerate(_TELLERS):
        for reason in tell(sight):
            return Verdict(_shown(reason), rank)
    return None


def stands_still(sight: Sight, since: float, now: float, seconds: float) -> bool:
    """
    Whether a job has not gone on for a while.

    @param since: the Unix time at which it went on last, but for what its pods have done.
    @param now: the Unix time.
    @param seconds: how long the while is.
    """
    return now - max(since, *map(last_progress, sight.pods), 0.0) >= seconds


def verdict_of_standstill(sight: Sight, seconds: float) -> Verdict:
    """Why a job is given up that has not gone on for so long."""
    why = hindrance(sight)
    text = f"no progress for {seconds:g} s: {why or 'nothing is heard of it'}"
    return Verdict(_shown(text), len(_TELLERS) + (why is None))


def hindrance(sight: Sight) -> str | None:
    """What keeps a job from going on, as far as that is seen."""
    return next(_hindrances(sight), None)


def _out_of_memory(sight: Sight) -> Iterator[str]:
    for pod in sight.pods:
        for one in containers_of(pod):
            if one.ended is not None and one.ended.get("reason") == "OOMKilled":
                yield f"container {one.name} was OOMKilled: {_needs_memory(pod, one.name)}"


def _needs_memory(pod: Object, container: str) -> str:
    limit = memory_limit(pod, container)
    return f"it needs more memory than {f'its limit of {limit}' if limit else 'its node has'}"


def _lost_pods(sight: Sight) -> Iterator[str]:
    for pod in sight.pods:
        status = status_of(pod)
        with_node = f"pod lost with its node {pod['spec'].get('nodeName', '')}".rstrip()
        if status.get("phase") == "Unknown":
            yield _told(with_node, status)
        causes = [_holding(pod, "DisruptionTarget")]
        if status.get("phase") == "Failed":
            causes.insert(0, status)
        for cause in causes:
            reason = cause.get("reason", "")
            if reason in _WITH_NODE:
                yield _told(with_node, cause)
            elif reason == "Evicted" or (reason and cause is not status):
                yield f"pod evicted: {cause.get('message') or reason}"


def _failed_for_itself(sight: Sight) -> Iterator[str]:
    failed = _holding(sight.job, "Failed")
    if failed and failed.get("reason") != _WITHOUT_DETAIL:
        yield _told("its Job failed", failed)


def _failed_pods(sight: Sight) -> Iterator[str]:
    for pod in sight.pods:
        if status_of(pod).get("phase") != "Failed":
            continue
        ended = [(one.name, one.ended) for one in containers_of(pod) if one.ended is not None]
        # The others may have ended because of the first.
        for name, how in sorted(ended, key=lambda one: str(one[1].get("finishedAt"))):
            if how.get("exitCode"):
                said = {**how, "reason": how.get("reason", "").removeprefix("Error")}
                text = f"container {name} ended with exit status {how['exitCode']}"
                if how["exitCode"] == _KILLED:
                    # The container's runtime does not always hear of the kernel's reason.
                    text += f" (SIGKILL): perhaps {_needs_memory(pod, name)}"
                yield _told(text, said)
        yield _told("its pod failed", status_of(pod))


def _failed(sight: Sight) -> Iterator[str]:
    if failed := _holding(sight.job, "Failed"):
        yield _told("its Job failed", failed)


def _complete(sight: Sight) -> Iterator[str]:
    if _holding(sight.job, "Complete"):
        yield "its Job is complete, but has reported neither success nor error"


def _gone(sight: Sight) -> Iterator[str]:
    if sight.job is None:
        yield "its Job is gone: somebody has deleted it"


_TELLERS: Sequence[Callable[[Sight], Iterator[str]]] = (
    _out_of_memory,
    _lost_pods,
    _failed_for_itself,
    _failed_pods,
    _failed,
    _complete,
    _gone,
)
"""Those first that tell most."""


def _hindrances(sight: Sight) -> Iterator[str]:
    for pod in sight.pods:
        for one in containers_of(pod):
            if one.waiting and one.waiting.get("reason") not in _USUAL_WAITS:
                yield _told(f"container {one.name} does not start", one.waiting)
        scheduled = conditions_of(pod).get("PodScheduled", {})
        if scheduled.get("status") == "False":
            yield _told("its pod cannot be scheduled", scheduled)
    if sight.claim is not None and (phase := status_of(sight.claim).get("phase")) != "Bound":
        yield f"claim {name_of(sight.claim)} is not Bound, but {phase or 'Pending'}"
    if sight.job is None:
        yield "it has no Job"


def _holding(thing: Object | None, kind: str) -> Mapping[str, Any]:
    """A condition that holds; empty: it does not."""
    condition = {} if thing is None else conditions_of(thing).get(kind, {})
    return condition if condition.get("status") == "True" else {}


def _told(what: str, by: Mapping[str, Any]) -> str:
    """What has happened, and what the cluster says about it."""
    return ": ".join(filter(None, (what, by.get("reason"), by.get("message"))))


def _shown(reason: str) -> str:
    """A reason as a record may show it: a container's last words may be anything."""
    return shortened(REDACTION.redacted(reason), _LONGEST_REASON)
