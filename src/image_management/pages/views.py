"""What pages show of records, as values that are equal where they look the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from image_management.jobs.progress import OVER
from image_management.pages.log_end import shown
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.words import ContainerStatus, JobStatus, JobType

USER = "root"
"""As whom one logs in to jobs."""

_STAGES = {
    JobType.CREATE: (
        JobStatus.CREATING,
        JobStatus.FETCHING_RECIPE,
        JobStatus.WAITING_FOR_REPOS,
        JobStatus.BUILDING_IMAGE,
        JobStatus.PACKAGING_ARTIFACTS,
    ),
    JobType.CUSTOMIZE: (
        JobStatus.CREATING,
        JobStatus.FETCHING_IMAGE,
        JobStatus.WAITING_ON_USER,
        JobStatus.PACKAGING_ARTIFACTS,
    ),
}
"""What jobs go through, one after the other."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where somebody may log in to a job."""

    network: str
    """From where: C{customer_access}, C{cluster.local}; empty: from anywhere."""
    host: str
    port: int

    @property
    def command(self) -> str:
        """The line for a shell."""
        return f"ssh -p {self.port} {shlex.quote(f'{USER}@{self.host}')}"


@dataclass(frozen=True, slots=True)
class JobView:
    """What is shown of a job."""

    id: str
    name: str
    """Of the image that comes of it; empty: nobody has said."""
    type: JobType
    status: JobStatus
    reason: str
    """Why it has come to that; empty while all is well."""
    created: float
    architecture: str
    node: str
    """The remote build node that works on it; empty: none."""
    artifact_id: str
    """The recipe or the image that it begins with."""
    image_id: str | None
    """What came of it."""
    logins: tuple[Login, ...]
    """Where one can log in now."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in OVER

    @property
    def stages(self) -> tuple[JobStatus, ...]:
        """What it goes through."""
        stages = _STAGES[self.type]
        if self.is_over or self.status in stages:
            return stages
        # Somebody looks at a build that has failed.
        return (*stages[:-1], self.status, stages[-1])


def job_view(record: Record) -> JobView:
    """What is shown of a job's record."""
    job = record.document
    return JobView(
        id=record.id,
        name=job["image_root_archive_name"],
        type=JobType(job["job_type"]),
        status=JobStatus(job["status"]),
        reason=shown(job["status_reason"]),
        created=unix_time(job["created"]),
        architecture=job["arch"],
        node=job["remote_build_node"],
        artifact_id=job["artifact_id"],
        image_id=job["resultant_image_id"],
        logins=tuple(_logins(job)),
    )


def _logins(job: Mapping[str, Any]) -> Iterator[Login]:
    for container in job["ssh_containers"]:
        if container["status"] != ContainerStatus.ACTIVE:
            continue
        places = {
            network: (place["host"], place["port"])
            for network, place in container["connection_info"].items()
            if place["host"] and place["port"]
        }
        if len({*places.values()}) == 1:
            places = {"": next(iter(places.values()))}
        for network, (host, port) in places.items():
            yield Login(network, host, port)


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """What is shown of an image or a recipe."""

    kind: Kind
    id: str
    name: str
    architecture: str
    made_for: str
    """The distribution that a recipe builds; empty: nobody knows."""
    created: float
    deleted: float | None
    """C{None}: it is not."""
    has_link: bool
    sizes: tuple[tuple[str, int], ...]
    """Of what is in S3, by its name, as far as it is known."""


def artifact_view(record: Record, sizes: Mapping[str, int]) -> ArtifactView:
    """
    What is shown of the record of an image or a recipe.

    @param sizes: in bytes, of what it has in S3, as far as they are known.
    """
    document = record.document
    return ArtifactView(
        kind=record.kind,
        id=record.id,
        name=document["name"],
        architecture=document["arch"],
        made_for=document.get("linux_distribution", ""),
        created=unix_time(document["created"]),
        deleted=unix_time(document["deleted"]) if record.deleted else None,
        has_link=record.link is not None,
        sizes=tuple(sizes.items()),
    )


def unix_time(text: str) -> float:
    """The Unix time of a time as records have it."""
    return datetime.fromisoformat(text).timestamp()
