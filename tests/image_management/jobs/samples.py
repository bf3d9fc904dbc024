"""Jobs for tests, and a backend that does nothing but remember."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from image_management.jobs.backend import BackendError, Follow, LogReader, Reports
from image_management.jobs.creation import JobCreation, NewJob, Source
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.records.schemas import make_record
from tests.image_management.store.case import CREATED

PLACE = {"host": "here", "port": 0}


def job_record(**members: Any) -> Record:
    """A new job, by default one that customises."""
    given = {
        "job_type": "customize",
        "artifact_id": str(uuid4()),
        "public_key_id": str(uuid4()),
        "image_root_archive_name": "new",
        "ssh_containers": [
            {
                "name": "customize",
                "connection_info": {"customer_access": PLACE, "cluster.local": PLACE},
            }
        ],
        **members,
    }
    return make_record(Kind.JOB, given, CREATED)


def new_job(**members: Any) -> NewJob:
    """A job that can be begun."""
    return new_job_of(job_record(**members))


def new_job_of(record: Record) -> NewJob:
    link = Link("boot-images", "image/rootfs")
    artifact = make_record(Kind.IMAGE, {"name": "image"}, CREATED, record.document["artifact_id"])
    return NewJob(record, Source(link, None), "ssh-ed25519 AAAA", artifact)


class Prepared(JobCreation):
    """Finds everything as it should be."""

    def __init__(self) -> None:
        """Nothing is looked at."""

    async def prepare(self, members: Mapping[str, Any], created: str) -> NewJob:
        return new_job(**members)


class Remembering:
    """A backend that remembers what it was asked for; what is in C{failing} it cannot do."""

    name = "remembering"

    def __init__(self, report: Reports) -> None:
        self.report = report
        self.done: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self.otherwise: Mapping[str, Any] = {}
        self.never_begun: Collection[str] = ()
        self.recovered: Sequence[Record] = ()

    async def plan(self, job: NewJob) -> Mapping[str, Any]:
        return {"kubernetes_namespace": "planned"}

    async def start(self, job: NewJob) -> Mapping[str, Any]:
        self._did("start", job.record)
        return self.otherwise

    async def finish(self, job: Record, *, failed: bool) -> None:
        self._did("fail" if failed else "finish", job)

    async def release(self, job: Record) -> None:
        self._did("release", job)

    async def remove(self, job: Record) -> None:
        self._did("remove", job)

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader | None:
        return None

    async def recover(self, jobs: Sequence[Record]) -> Collection[str]:
        self.recovered = jobs
        return self.never_begun

    async def stop(self) -> None:
        self.done.append(("stop", ""))

    def _did(self, what: str, job: Record) -> None:
        self.done.append((what, job.id))
        if what in self.failing:
            raise BackendError(f"cannot {what}")
