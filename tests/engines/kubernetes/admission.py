"""What the API server adds to new objects, and which it refuses, as far as jobs notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.engines.kubernetes.controllers import CLAIM_PROTECTION
from tests.engines.kubernetes.resources import Json, Kind, StatusError, refuse


def admitted(kind: Kind, given: Any, uid: str) -> Json:
    """
    A new object as it is stored.

    @param uid: what the object is going to be known by.
    @raise StatusError: it cannot be.
    """
    _check_kind(kind, given)
    metadata = dict(given.get("metadata") or {})
    thing = {**given, "metadata": metadata}
    name = str(metadata.get("name", ""))
    refuse(kind, name, _wrong_in(kind, thing))
    match kind.name:
        case "Job":
            _know_its_pods(thing, name, uid)
        case "Pod":
            thing.setdefault("status", {"phase": "Pending"})
        case "PersistentVolumeClaim":
            metadata["finalizers"] = [*metadata.get("finalizers", ()), CLAIM_PROTECTION]
            thing["status"] = {"phase": "Pending"}
        case "Service":
            thing["status"] = {"loadBalancer": {}}
    return thing


def _check_kind(kind: Kind, given: Any) -> None:
    if not isinstance(given, dict):
        raise StatusError(400, "BadRequest", "the object provided is unrecognized")
    if kind.name == "DestinationRule" and not given.keys() >= {"apiVersion", "kind"}:
        # What it is is known of its own kinds only.
        message = "the object provided is unrecognized: Object 'Kind' is missing"
        raise StatusError(400, "BadRequest", message)
    for member, right in (("apiVersion", kind.api_version), ("kind", kind.name)):
        if given.get(member, right) != right:
            message = f"{member} {given[member]!r} does not match the expected {right!r}"
            raise StatusError(400, "BadRequest", message)


def _know_its_pods(job: Json, name: str, uid: str) -> None:
    """Have its pods carry labels by which it knows them."""
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    template = job["spec"]["template"]
    pod = dict(template.get("metadata") or {})
    pod["labels"] = {**(pod.get("labels") or {}), **labels}
    template = {**template, "metadata": pod}
    job["spec"] = {**job["spec"], "selector": selector, "template": template}
    job["status"] = {}


def _wrong_in(kind: Kind, thing: Json) -> Iterator[str]:
    spec = thing.get("spec") or {}
    match kind.name:
        case "ConfigMap":
            yield from _wrong_in_data(thing.get("data") or {})
        case "PersistentVolumeClaim":
            yield from _wrong_in_claim(spec)
        case "Service" if not spec.get("ports"):
            yield "spec.ports: Required value"
        case "Job":
            pod = (spec.get("template") or {}).get("spec") or {}
            found = pod.get("restartPolicy", "Always")
            if found not in {"Never", "OnFailure"}:
                allowed = '"OnFailure", "Never"'
                yield f'spec.template.spec.restartPolicy: Required value: "{found}": {allowed}'
            yield from _wrong_in_pod(pod, "spec.template.spec")
        case "Pod":
            yield from _wrong_in_pod(spec, "spec")


def _wrong_in_data(data: Json) -> Iterator[str]:
    for name, value in data.items():
        if not isinstance(value, str):
            yield f"data[{name}]: Invalid value: {value!r}: expected a string"


def _wrong_in_claim(spec: Json) -> Iterator[str]:
    if not spec.get("accessModes"):
        yield "spec.accessModes: Required value: at least 1 access mode is required"
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        yield "spec.resources[storage]: Required value"


def _wrong_in_pod(pod: Json, path: str) -> Iterator[str]:
    if not pod.get("containers"):
        yield f"{path}.containers: Required value"
    volumes = {volume.get("name") for volume in pod.get("volumes") or ()}
    seen: set[str] = set()
    for group in ("initContainers", "containers"):
        for place, container in enumerate(pod.get(group) or ()):
            where, name = f"{path}.{group}[{place}]", container.get("name")
            if name in seen:
                yield f'{where}.name: Duplicate value: "{name}"'
            seen.add(name)
            for member in ("name", "image"):
                if not container.get(member):
                    yield f"{where}.{member}: Required value"
            yield from _wrong_in_mounts(container, volumes, where)


def _wrong_in_mounts(container: Json, volumes: set[str], where: str) -> Iterator[str]:
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield f'{where}.volumeMounts[{number}].name: Not found: "{mount.get("name")}"'
