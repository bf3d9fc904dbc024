"""
What a cluster does by itself, as far as jobs notice: makes the pod of a Job and judges it, collects
what belongs to objects that are gone, and keeps claims as long as pods use them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from tests.engines.kubernetes.objects import Event, Objects
from tests.engines.kubernetes.resources import KINDS, Json, StatusError

JOBS, PODS, CLAIMS = KINDS["jobs"], KINDS["pods"], KINDS["persistentvolumeclaims"]

CLAIM_PROTECTION = "kubernetes.io/pvc-protection"

Soon = Callable[[Callable[[], None]], Any]
"""Has something done in the reactor's next turn: controllers come after the answer."""


class Controllers:
    """What watches the objects of a cluster, and changes them in turn."""

    def __init__(self, objects: Objects, soon: Soon) -> None:
        self._objects = objects
        self._soon = soon
        objects.observers.append(self._noticed)

    def _noticed(self, event: Event) -> None:
        if event.kind is JOBS and event.type == "ADDED":
            self._soon(lambda: self._make_pod(event.object))
        if event.kind is PODS:
            self._soon(lambda: self._judge(event.object, gone=event.type == "DELETED"))
            self._soon(lambda: self._free_claims(event.object["metadata"]["namespace"]))
        if event.kind is CLAIMS:
            self._soon(lambda: self._free_claims(event.object["metadata"]["namespace"]))

    def _make_pod(self, job: Json) -> None:
        """The one pod of a Job that has no other yet."""
        metadata, template = job["metadata"], job["spec"]["template"]
        namespace, name = metadata["namespace"], metadata["name"]
        if not self._is_there(job):
            return
        pod = {
            "metadata": {
                **copy.deepcopy(template.get("metadata") or {}),
                "name": f"{name[:57]}-{uuid4().hex[:5]}",
                "ownerReferences": [
                    {
                        "apiVersion": JOBS.api_version,
                        "kind": JOBS.name,
                        "name": name,
                        "uid": metadata["uid"],
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": copy.deepcopy(template["spec"]),
            "status": {"phase": "Pending", "qosClass": "Burstable"},
        }
        self._objects.create(PODS, namespace, pod)
        self._set_status(job, {"active": 1, "startTime": _now(), "ready": 0})

    def _judge(self, pod: Json, *, gone: bool) -> None:
        """
        A Job ends with its pod; a condition that says so in advance comes first.  Jobs that may
        try again are not known here.
        """
        owner = next(iter(pod["metadata"].get("ownerReferences") or ()), None)
        phase = pod["status"].get("phase")
        if owner is None or (phase not in {"Succeeded", "Failed"} and not gone):
            return
        try:
            job = self._objects.get(JOBS, pod["metadata"]["namespace"], owner["name"])
        except StatusError:
            return
        if job["metadata"]["uid"] != owner["uid"] or (job.get("status") or {}).get("conditions"):
            return
        if phase == "Succeeded":
            counts: Json = {"active": None, "succeeded": 1, "completionTime": _now()}
            first, last, reason, message = (
                "SuccessCriteriaMet",
                "Complete",
                "CompletionsReached",
                "Reached expected number of succeeded pods",
            )
        else:
            counts = {"active": None, "failed": 1}
            first, last, reason, message = (
                "FailureTarget",
                "Failed",
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
        conditions = [job_condition(one, reason, message) for one in (first, last)]
        self._set_status(job, {"conditions": conditions[:1]})
        self._set_status(job, {**counts, "conditions": conditions})

    def _free_claims(self, namespace: str) -> None:
        """Let go what is being deleted and no pod uses any more."""
        going = self._objects.list(
            CLAIMS, namespace, lambda claim: "deletionTimestamp" in claim["metadata"]
        )
        for claim in going:
            name = claim["metadata"]["name"]
            if not self._objects.list(PODS, namespace, partial(_uses, claim=name)):
                others = [one for one in claim["metadata"]["finalizers"] if one != CLAIM_PROTECTION]
                change = {"metadata": {"finalizers": others}}
                self._objects.change(CLAIMS, namespace, name, change)

    def release_dependents(self, owner: Json, policy: str) -> None:
        """Delete or set free what belongs to an object that goes (C{propagationPolicy})."""
        uid = owner["metadata"]["uid"]

        def is_owned(thing: Json) -> bool:
            return any(one["uid"] == uid for one in _owners_of(thing))

        for kind in KINDS.values():
            for thing in self._objects.list(kind, owner["metadata"]["namespace"], is_owned):
                metadata = thing["metadata"]
                others = [one for one in _owners_of(thing) if one["uid"] != uid]
                if policy == "Orphan":
                    change = {"metadata": {"ownerReferences": others}}
                    self._objects.change(kind, metadata["namespace"], metadata["name"], change)
                else:
                    self._objects.delete(kind, metadata["namespace"], metadata["name"])

    def _is_there(self, thing: Json) -> bool:
        metadata = thing["metadata"]
        try:
            now = self._objects.get(JOBS, metadata["namespace"], metadata["name"])
        except StatusError:
            return False
        return bool(now["metadata"]["uid"] == metadata["uid"])

    def _set_status(self, job: Json, status: Json) -> None:
        metadata = job["metadata"]
        change = {"status": status}
        self._objects.change(JOBS, metadata["namespace"], metadata["name"], change)


def _owners_of(thing: Json) -> list[Json]:
    return thing["metadata"].get("ownerReferences") or []


def _uses(pod: Json, claim: str) -> bool:
    """Whether a pod that has a node, and is not over, uses a claim."""
    if "nodeName" not in pod["spec"]:
        return False
    volumes = pod["spec"].get("volumes") or ()
    claims = [(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in volumes]
    return claim in claims and pod["status"].get("phase") not in {"Succeeded", "Failed"}


def job_condition(type: str, reason: str, message: str) -> Json:
    """A condition of a Job's status that holds."""
    now = _now()
    return {
        "type": type,
        "status": "True",
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
