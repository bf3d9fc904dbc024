"""The objects of a job, as data: made of its templates, and marked as its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from image_management.jobs.kubernetes.labels import labelled
from image_management.jobs.kubernetes.places import KubernetesSettings, external_name
from image_management.jobs.kubernetes.resources import (
    CLAIM,
    CONFIG_MAP,
    DESTINATION_RULE,
    JOB,
    SECRET,
    SERVICE,
    Object,
    Resource,
    name_of,
)
from image_management.jobs.kubernetes.template_sets import TemplateSet
from image_management.jobs.kubernetes.templates import Value
from image_management.records.record import Document, Record

MEMBERS: Mapping[Resource, str] = {
    JOB: "kubernetes_job",
    CONFIG_MAP: "kubernetes_configmap",
    SECRET: "kubernetes_secret",
    CLAIM: "kubernetes_pvc",
    SERVICE: "kubernetes_service",
}
"""The members of a job's record that have the names of its objects."""

_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class JobObjects:
    """The objects of one job, but for the copy of a Secret, by what they are."""

    by_resource: Mapping[Resource, Object]

    def members(self, id: str, settings: KubernetesSettings) -> Document:
        """The members of the job's record that say what there is going to be."""
        names = {
            member: name_of(self.by_resource[resource])
            for resource, member in MEMBERS.items()
            if resource in self.by_resource
        }
        secret = secret_name(id)
        return {"kubernetes_namespace": settings.namespace, "kubernetes_secret": secret, **names}

    def places(self, id: str, settings: KubernetesSettings) -> Document:
        """Where one logs in, from outside the cluster and inside."""
        inside = _host(self.by_resource[SERVICE], settings.namespace)
        outside = external_name(id, settings)
        return {
            "customer_access": {"host": outside, "port": _SSH_PORT},
            "cluster.local": {"host": inside, "port": _SSH_PORT},
        }

    def without_secret(self, id: str) -> JobObjects:
        """The same, with a pod that begins although it has no copy of the Secret."""
        return JobObjects({**self.by_resource, JOB: _without(self.by_resource[JOB], id)})


def objects_of(
    id: str, namespace: str, templates: TemplateSet, values: Mapping[str, Value]
) -> JobObjects:
    """
    A job's objects, in the order in which they are made: the Job is the last.

    @param values: for the templates' places.
    """
    made = {
        resource: _marked(template.filled(values), id, namespace)
        for resource, template in templates.by_resource.items()
    }
    job = made.pop(JOB)
    rule = _marked(_destination_rule(made[SERVICE], namespace), id, namespace)
    return JobObjects({**made, DESTINATION_RULE: rule, JOB: _with_marked_pods(job, id)})


def names_of(job: Record) -> Iterator[tuple[Resource, str]]:
    """What a job's record says that there may be of it; the Job is the first."""
    for resource, member in MEMBERS.items():
        if name := job.document[member]:
            yield resource, name
            if resource is SERVICE:
                yield DESTINATION_RULE, name


def secret_name(id: str) -> str:
    """The name of a job's copy of the Secret with the keys that packages are signed by."""
    return f"cray-ims-{id}-signing-keys"


def secret_copy(original: Object, id: str, namespace: str) -> Object:
    """A job's copy of a Secret."""
    kept = {name: original[name] for name in ("type", "data") if name in original}
    copy = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret_name(id)}, **kept}
    return _marked(copy, id, namespace)


def _without(job: Object, id: str) -> Object:
    def volume(one: Object) -> Object:
        secret = one.get("secret")
        if not isinstance(secret, dict) or secret.get("secretName") != secret_name(id):
            return one
        return {**one, "secret": {**secret, "optional": True}}

    pod = job["spec"]["template"]["spec"]
    volumes = [volume(one) for one in pod.get("volumes") or ()]
    return _with_pod(job, {"spec": {**pod, "volumes": volumes}})


def _destination_rule(service: Object, namespace: str) -> Object:
    """
    What keeps Istio from expecting its own TLS of SSH (Istio, "Destination Rule").
    """
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": {"name": name_of(service)},
        "spec": {
            "host": _host(service, namespace),
            "trafficPolicy": {"tls": {"mode": "DISABLE"}},
        },
    }


def _host(service: Object, namespace: str) -> str:
    return f"{name_of(service)}.{namespace}.svc.cluster.local"


def _marked(thing: Object, id: str, namespace: str) -> Object:
    """The object, as one of a job in its namespace."""
    metadata = {**thing["metadata"], "namespace": namespace, "labels": labelled(thing, id)}
    return {**thing, "metadata": metadata}


def _with_marked_pods(job: Object, id: str) -> Object:
    metadata = job["spec"]["template"].get("metadata") or {}
    labels = labelled({"metadata": metadata}, id)
    return _with_pod(job, {"metadata": {**metadata, "labels": labels}})


def _with_pod(job: Object, change: Mapping[str, Any]) -> Object:
    spec = job["spec"]
    return {**job, "spec": {**spec, "template": {**spec["template"], **change}}}
