"""What a job's record becomes by what is reported of the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from image_management.jobs.backend import Report
from image_management.records.record import Document, Record
from image_management.records.schemas import patched
from image_management.records.words import ContainerStatus, JobStatus

OVER = frozenset({JobStatus.SUCCESS, JobStatus.ERROR})
"""How jobs end."""

_CONTAINERS = {
    JobStatus.FETCHING_IMAGE: ContainerStatus.ESTABLISHING,
    JobStatus.WAITING_ON_USER: ContainerStatus.ACTIVE,
    JobStatus.PACKAGING_ARTIFACTS: ContainerStatus.COMPLETE,
    JobStatus.SUCCESS: ContainerStatus.COMPLETE,
    JobStatus.ERROR: ContainerStatus.COMPLETE,
}
"""What one can log in to while a job is at something; otherwise not yet."""


def is_over(job: Record) -> bool:
    """Whether nothing more happens to a job."""
    return job.document["status"] in OVER


def reported(job: Record, report: Report) -> Document:
    """The document of a job after a report."""
    if report.inferred and is_over(job):
        return job.document
    change: dict[str, Any] = {"status_reason": report.reason}
    if report.status is not None:
        change["status"] = report.status.value
    if report.resultant_image_id is not None:
        change["resultant_image_id"] = report.resultant_image_id
    document = _with_containers({**job.document, **change})
    return document if report.port is None else _with_port(document, report.port)


def patched_by_job(job: Record, change: Mapping[str, Any]) -> Document:
    """
    The document of a job after its own containers have said something: that counts more than what
    was inferred, and so nothing is left of a reason.

    @param change: as L{read_patch<image_management.records.schemas.read_patch>} has it.
    """
    document = patched(job, change)
    return _with_containers({**document, "status_reason": ""}) if "status" in change else document


def _with_containers(document: Document) -> Document:
    status = _CONTAINERS.get(JobStatus(document["status"]), ContainerStatus.PENDING)
    containers = [{**one, "status": status.value} for one in document["ssh_containers"]]
    return {**document, "ssh_containers": containers}


def _with_port(document: Document, port: int) -> Document:
    containers = [
        {
            **one,
            "connection_info": {
                name: {**place, "port": port} for name, place in one["connection_info"].items()
            },
        }
        for one in document["ssh_containers"]
    ]
    return {**document, "ssh_containers": containers}
