"""By what the objects of jobs are known."""

from __future__ import annotations

from collections.abc import Mapping

from image_management.jobs.kubernetes.resources import Object

JOB_LABEL = "ims-job-id"
"""The label of all objects of a job, whose id it has."""

MANAGED_LABEL = "app.kubernetes.io/managed-by"
"""The label of all that this service has made (Kubernetes documentation, "Recommended Labels")."""

MANAGER = "image-management"
"""What L{MANAGED_LABEL} is then."""

OURS = f"{MANAGED_LABEL}={MANAGER}"
"""The selector of all that this service has made, and of the pods of that."""


def labels_of(thing: Object) -> Mapping[str, str]:
    """An object's labels."""
    return thing["metadata"].get("labels") or {}


def labelled(thing: Object, id: str) -> Mapping[str, str]:
    """An object's labels, and those of a job's."""
    return {**labels_of(thing), MANAGED_LABEL: MANAGER, JOB_LABEL: id}
