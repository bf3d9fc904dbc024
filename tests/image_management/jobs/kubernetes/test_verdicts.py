"""What a job's objects say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.kubernetes.pods import unix_time
from image_management.jobs.kubernetes.verdicts import (
    Sight,
    Verdict,
    hindrance,
    stands_still,
    verdict_of_standstill,
    verdict_on,
)
from tests.properties import given

CREATED = "2026-11-27T10:00:00Z"
BEGAN = "2026-11-27T10:01:00Z"
ENDED = "2026-11-27T10:02:00Z"

Json = dict[str, Any]


def a_job(**conditions: Json) -> Json:
    """A Job of which these conditions hold."""
    holding = [{"type": kind, "status": "True", **one} for kind, one in conditions.items()]
    return {"metadata": {"name": "job"}, "status": {"conditions": holding}}


def a_pod(*states: Json, **status: Any) -> Json:
    """A pod whose containers c0, c1, … are in those states; the first is an init container."""
    names = [f"c{number}" for number in range(len(states) or 1)]
    limited = [{"name": name, "resources": {"limits": {"memory": "40Gi"}}} for name in names]
    told = [{"name": name, "state": state} for name, state in zip(names, states, strict=False)]
    return {
        "metadata": {"name": "pod", "creationTimestamp": CREATED},
        "spec": {
            "nodeName": "n1",
            "initContainers": limited[:1] if limited[1:] else None,
            "containers": limited[1:] or limited,
        },
        "status": {
            "phase": "Running",
            "initContainerStatuses": told[:1],
            "containerStatuses": told[1:],
            **status,
        },
    }


def ended(code: int, reason: str = "Error", finished: str = ENDED, **more: str) -> Json:
    times = {"startedAt": BEGAN, "finishedAt": finished}
    return {"terminated": {"exitCode": code, "reason": reason, **times, **more}}


def waits(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Json:
    named = {"type": kind, "status": status, "lastTransitionTime": BEGAN}
    return {**named, "reason": reason, "message": message}


def disrupted(reason: str, message: str) -> Json:
    return a_pod(conditions=[condition("DisruptionTarget", "True", reason, message)])


RUNNING: Json = {"running": {"startedAt": BEGAN}}
WELL = ended(0, "Completed")
OOM = ended(137, "OOMKilled")
FAILED = a_job(Failed={"reason": "BackoffLimitExceeded", "message": "too often"})
LATE = a_job(Failed={"reason": "DeadlineExceeded", "message": "active too long"})
COMPLETE = a_job(SuccessCriteriaMet={}, Complete={"reason": "CompletionsReached"})

NO_MEMORY = "container c1 was OOMKilled: it needs more memory than its limit of 40Gi"

REASONS: Sequence[tuple[str, Json | None, Json | None]] = (
    (NO_MEMORY, FAILED, a_pod(WELL, OOM, phase="Failed")),
    # Another container goes on.
    (NO_MEMORY, a_job(), a_pod(WELL, OOM, RUNNING)),
    # Whatever else is said.
    (NO_MEMORY, LATE, a_pod(ended(1), OOM, phase="Failed", reason="Evicted")),
    (
        "pod evicted: The node was low on resource: memory",
        FAILED,
        a_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory"),
    ),
    (
        "pod evicted: Eviction API: evicting",
        a_job(),
        disrupted("EvictionByEvictionAPI", "Eviction API: evicting"),
    ),
    (
        "pod lost with its node n1: DeletionByTaintManager: Taint manager: deleting",
        a_job(),
        disrupted("DeletionByTaintManager", "Taint manager: deleting"),
    ),
    ("pod lost with its node n1: NodeLost", a_job(), a_pod(phase="Unknown", reason="NodeLost")),
    (
        "pod lost with its node n1: Terminated: Pod was terminated in response to imminent node"
        " shutdown.",
        FAILED,
        a_pod(
            ended(137),
            phase="Failed",
            reason="Terminated",
            message="Pod was terminated in response to imminent node shutdown.",
        ),
    ),
    (
        "its Job failed: DeadlineExceeded: active too long",
        LATE,
        a_pod(WELL, ended(137), phase="Failed"),
    ),
    (
        "container c1 ended with exit status 137 (SIGKILL):"
        " perhaps it needs more memory than its limit of 40Gi",
        FAILED,
        a_pod(WELL, ended(137), phase="Failed"),
    ),
    ("container c1 ended with exit status 3", FAILED, a_pod(WELL, ended(3), phase="Failed")),
    (
        "container c0 ended with exit status 128: ContainerCannotRun: no such program",
        FAILED,
        a_pod(
            ended(128, "ContainerCannotRun", message="no such program"), waits(""), phase="Failed"
        ),
    ),
    # The one that has ended first is to blame.
    (
        "container c2 ended with exit status 1",
        FAILED,
        a_pod(WELL, ended(137, finished="2026-11-27T10:03:00Z"), ended(1), phase="Failed"),
    ),
    (
        "its pod failed: OutOfmemory: Node didn't have enough resource",
        FAILED,
        a_pod(phase="Failed", reason="OutOfmemory", message="Node didn't have enough resource"),
    ),
    ("its Job failed: BackoffLimitExceeded: too often", FAILED, None),
    ("its Job is complete, but has reported neither success nor error", COMPLETE, None),
    (
        "its Job is complete, but has reported neither success nor error",
        COMPLETE,
        a_pod(WELL, WELL, phase="Succeeded"),
    ),
    ("its Job is gone: somebody has deleted it", None, None),
    (NO_MEMORY, None, a_pod(WELL, OOM)),
)

GOOD: Sequence[Json] = (
    a_pod(phase="Pending"),
    a_pod(waits("ContainerCreating"), waits("PodInitializing"), phase="Pending"),
    a_pod(RUNNING, waits("PodInitializing")),
    a_pod(WELL, RUNNING),
    a_pod(WELL, WELL, phase="Succeeded"),
    # The pod goes on all the same.
    a_pod(WELL, ended(1), RUNNING),
    a_pod(RUNNING, conditions=[condition("DisruptionTarget", "False", "EvictionByEvictionAPI")]),
)

HINDRANCES: Sequence[tuple[str, Sight]] = (
    (
        "container c0 does not start: ImagePullBackOff: Back-off pulling image",
        Sight(a_job(), [a_pod(waits("ImagePullBackOff", "Back-off pulling image"))]),
    ),
    (
        "container c1 does not start: CreateContainerConfigError: secret not found",
        Sight(a_job(), [a_pod(WELL, waits("CreateContainerConfigError", "secret not found"))]),
    ),
    (
        "its pod cannot be scheduled: Unschedulable: 0/1 nodes are available",
        Sight(
            a_job(),
            [
                a_pod(
                    phase="Pending",
                    conditions=[
                        condition(
                            "PodScheduled", "False", "Unschedulable", "0/1 nodes are available"
                        )
                    ],
                )
            ],
        ),
    ),
    (
        "claim scratch is not Bound, but Pending",
        Sight(a_job(), claim={"metadata": {"name": "scratch"}, "status": {"phase": "Pending"}}),
    ),
    (
        "claim scratch is not Bound, but Lost",
        Sight(a_job(), claim={"metadata": {"name": "scratch"}, "status": {"phase": "Lost"}}),
    ),
    ("it has no Job", Sight(None)),
)


def pods_of(pod: Json | None) -> list[Json]:
    return [] if pod is None else [pod]


class VerdictTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        for reason, job, pod in REASONS:
            verdict = verdict_on(Sight(job, pods_of(pod)))
            self.assertEqual(verdict and verdict.reason, reason)

    def test_rank(self) -> None:
        """What the pod knows counts more than what only its Job knows, and that more than that it
        is gone."""
        pods = [pods_of(a_pod(WELL, OOM, phase="Failed")), pods_of(a_pod(ended(1), phase="Failed"))]
        sights = [
            *(Sight(FAILED, one) for one in pods),
            Sight(FAILED),
            Sight(COMPLETE),
            Sight(None),
        ]
        verdicts = [one for one in map(verdict_on, sights) if one is not None]
        ranks = [one.rank for one in [*verdicts, verdict_of_standstill(Sight(a_job()), 1)]]
        self.assertEqual(ranks, sorted(set(ranks)))
        self.assertEqual(len(ranks), 6)

    def test_no_reason(self) -> None:
        for pod in GOOD:
            for job in (a_job(), a_job(Suspended={}), {"metadata": {"name": "new"}}):
                self.assertIsNone(verdict_on(Sight(job, [pod])), pod)

    @given(st.permutations([*GOOD, a_pod(OOM)]), st.sampled_from([None, FAILED, LATE, COMPLETE]))
    def test_among_others(self, pods: list[Json], job: Json | None) -> None:
        """Whatever else there is, and in whatever order."""
        verdict = verdict_on(Sight(job, pods))
        self.assertEqual(verdict, Verdict(NO_MEMORY.replace("c1", "c0"), 0))

    @given(st.text(max_size=3000))
    def test_any_message(self, message: str) -> None:
        """It is never too long for a record."""
        verdict = verdict_on(Sight(a_job(Failed={"reason": "R", "message": message})))
        assert verdict is not None
        self.assertTrue(verdict.reason.startswith("its Job failed: R"))
        self.assertLessEqual(len(verdict.reason), 1000)

    def test_no_secret(self) -> None:
        """Containers' last words may be anything."""
        words = "curl: (22) https://s3/boot-images/x?X-Amz-Credential=AK%2F1&X-Amz-Signature=beef"
        verdict = verdict_on(Sight(FAILED, [a_pod(ended(22, message=words), phase="Failed")]))
        assert verdict is not None
        self.assertIn(
            "c0 ended with exit status 22: curl: (22) https://s3/boot-images", verdict.reason
        )
        self.assertNotIn("beef", verdict.reason)
        self.assertNotIn("AK%2F1", verdict.reason)


class StandstillTests(SynchronousTestCase):
    def test_hindrances(self) -> None:
        for text, sight in HINDRANCES:
            self.assertEqual(hindrance(sight), text)
            verdict = verdict_of_standstill(sight, 1800)
            self.assertEqual(verdict.reason, f"no progress for 1800 s: {text}")

    def test_no_hindrance(self) -> None:
        for pod in GOOD:
            bound = {"metadata": {"name": "scratch"}, "status": {"phase": "Bound"}}
            sight = Sight(a_job(), [pod], bound)
            self.assertIsNone(hindrance(sight))
            self.assertIsNone(hindrance(replace(sight, claim=None)))
        self.assertIn("nothing is heard", verdict_of_standstill(Sight(a_job()), 5).reason)

    @given(st.integers(-100, 5000), st.integers(0, 100), st.integers(0, 3000))
    def test_since_it_went_on(self, since: int, later: int, seconds: int) -> None:
        """What a pod does is progress, too: it is made, scheduled, its containers begin and end."""
        made = unix_time(CREATED)
        now = made + since + later
        for pod, last in (
            (a_pod(waits("ImagePullBackOff")), 0),
            (a_pod(conditions=[condition("PodScheduled", "True")]), 60),
            (a_pod(RUNNING, waits("PodInitializing")), 60),
            (a_pod(WELL, waits("ImagePullBackOff")), 120),
            # That it cannot be scheduled is none.
            (a_pod(conditions=[condition("PodScheduled", "False", "Unschedulable")]), 0),
        ):
            expected = now - max(made + since, made + last) >= seconds
            self.assertEqual(
                stands_still(Sight(a_job(), [pod]), made + since, now, seconds), expected
            )
        expected = later >= seconds
        self.assertEqual(stands_still(Sight(a_job()), made + since, now, seconds), expected)
