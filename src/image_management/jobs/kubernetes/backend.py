"""
The Kubernetes backend: a job is some objects of a cluster, whose containers do the work and report
it to the service as any client does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import gatherResults, maybeDeferred

from httpd.concurrency.coroutines import side_by_side
from httpd.web.problems import Problem
from image_management.jobs.backend import BackendError, Follow, LogReader
from image_management.jobs.creation import NewJob
from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.objects import (
    JobObjects,
    names_of,
    objects_of,
    secret_copy,
)
from image_management.jobs.kubernetes.places import KubernetesSettings, values_of
from image_management.jobs.kubernetes.remote_nodes import RemoteNodes
from image_management.jobs.kubernetes.resources import (
    CLAIM,
    DESTINATION_RULE,
    JOB,
    SECRET,
    SERVICE,
    Object,
    Resource,
)
from image_management.jobs.kubernetes.template_sets import TemplateSet, Variant, place_of
from image_management.records.links import Link
from image_management.records.record import Document, Record
from image_management.records.words import JobStatus, JobType, RecipeType

NAME = "kubernetes"

SIGNING_KEYS = "services", "hpe-signing-key"
"""The namespace and the name of the Secret with the keys that a site's packages are signed by."""

_FREED = (SERVICE, DESTINATION_RULE, CLAIM)
"""What a job that is over needs no more: an address, and storage."""


class EndOfTurn(Protocol):
    """How the turn of a job's user is ended."""

    @property
    def public_key(self) -> str:
        """The line that lets this service log in to a job."""

    async def end(self, job: Record, *, failed: bool) -> None:
        """
        End it.

        @raise BackendError: it cannot be ended.
        """


OpenLog = Callable[[Record, Follow, int | None], LogReader | None]
"""What a job has said so far (L{JobBackend.log<image_management.jobs.backend.JobBackend.log>})."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The parts of the service, and of the cluster, that jobs need."""

    settings: KubernetesSettings
    api: KubernetesApi
    templates: Mapping[Variant, TemplateSet]
    nodes: RemoteNodes
    presigned: Callable[[Link], str]
    """A URL by which a job gets an object out of S3."""
    turns: EndOfTurn
    open_log: OpenLog
    background: Sequence[Service] = ()
    """What goes on beside requests: the cluster is watched, and swept."""
    grace_seconds: float = 0.0
    """The age of a job that is being made, below which another replica may be at it."""
    now: Callable[[], float] = time.time
    """The Unix time."""


class KubernetesBackend:
    """See L{JobBackend<image_management.jobs.backend.JobBackend>}."""

    name = NAME

    def __init__(self, site: Site) -> None:
        self._site = site

    async def plan(self, job: NewJob) -> Mapping[str, Any]:
        """The names of its objects, where one logs in, and who works on it."""
        node = await self._site.nodes.for_job(job)
        id, settings = job.record.id, self._site.settings
        chosen = _with(job, {"remote_build_node": node})
        objects = self._objects(chosen)
        places = objects.places(id, settings)
        containers = chosen.record.document["ssh_containers"]
        return {
            "remote_build_node": node,
            "ssh_containers": [{**one, "connection_info": places} for one in containers],
            **objects.members(id, settings),
        }

    async def start(self, job: NewJob) -> Mapping[str, Any]:
        """Make its objects, the Job last: what a job needs is there before it begins."""
        id, namespace = job.record.id, self._site.settings.namespace
        objects = self._objects(job)
        try:
            has_secret = await self._copy_secret(id, namespace)
            if not has_secret:
                objects = objects.without_secret(id)
            for resource, thing in objects.by_resource.items():
                await self._create(resource, namespace, thing)
        except ApiError as error:
            raise BackendError(str(error)) from None
        return {} if has_secret else {"kubernetes_secret": None}

    async def finish(self, job: Record, *, failed: bool) -> None:
        """End the user's turn."""
        await self._site.turns.end(job, failed=failed)

    async def release(self, job: Record) -> None:
        """Leave the Job, and its pods with their logs."""
        await self._delete(job, [one for one in names_of(job) if one[0] in _FREED])

    async def remove(self, job: Record) -> None:
        """Leave nothing; the Job goes first, so that nothing goes on with what is left."""
        those = [*names_of(job)]
        for several in (those[:1], those[1:]):
            await self._delete(job, several)

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader | None:
        """What its containers have written."""
        return self._site.open_log(job, follow, tail)

    async def recover(self, jobs: Sequence[Record]) -> Collection[str]:
        """Take back what was being made, and go on looking at the cluster."""
        cut_off = [job for job in jobs if self._may_be_cut_off(job)]
        try:
            begun = await side_by_side(map(self._is_begun, cut_off))
        except ApiError as error:
            raise BackendError(str(error)) from None
        never_begun = [job for job, is_begun in zip(cut_off, begun, strict=True) if not is_begun]
        for job in never_begun:
            await self.remove(job)
        for service in self._site.background:
            if not service.running:
                service.startService()
        return [job.id for job in never_begun]

    async def stop(self) -> None:
        """Look no more; jobs go on."""
        running = [one for one in self._site.background if one.running]
        await gatherResults([maybeDeferred(one.stopService) for one in running])
        await self._site.api.close()

    def _objects(self, job: NewJob) -> JobObjects:
        settings, variant = self._site.settings, _variant_of(job)
        templates = self._site.templates.get(variant)
        if templates is None:
            place = place_of(variant)
            raise Problem(503, f"IMS_JOB_TEMPLATE_PATH has no templates in {place}")
        public_keys = f"{job.public_key.rstrip()}\n{self._site.turns.public_key}\n"
        url = self._site.presigned(job.source.link)
        values = values_of(job, settings, url, public_keys)
        return objects_of(job.record.id, settings.namespace, templates, values)

    async def _copy_secret(self, id: str, namespace: str) -> bool:
        """
        Give a job its copy of the keys that packages are signed by.

        @return: whether it has one: there may be none, or none for us.
        """
        try:
            original = await self._site.api.get(SECRET, *SIGNING_KEYS)
            await self._site.api.create(SECRET, namespace, secret_copy(original, id, namespace))
        except ApiError as error:
            if error.status not in {403, 404}:
                raise
            return False
        return True

    async def _create(self, resource: Resource, namespace: str, thing: Object) -> None:
        try:
            await self._site.api.create(resource, namespace, thing)
        except ApiError as error:
            # A cluster without Istio knows of no such thing, and needs none.
            if resource is not DESTINATION_RULE or error.status != 404:
                raise

    async def _delete(self, job: Record, those: Iterable[tuple[Resource, str]]) -> None:
        """
        Delete objects, side by side.

        @raise BackendError: with the errors of all that stay.
        """
        namespace = job.document["kubernetes_namespace"] or self._site.settings.namespace

        async def delete(resource: Resource, name: str) -> str:
            try:
                await self._site.api.delete(resource, namespace, name)
            except ApiError as error:
                return str(error)
            return ""

        told = await side_by_side(delete(resource, name) for resource, name in those)
        if errors := [one for one in told if one]:
            raise BackendError("; ".join(errors))

    def _may_be_cut_off(self, job: Record) -> bool:
        made = datetime.fromisoformat(job.document["created"]).timestamp()
        is_new = job.document["status"] == JobStatus.CREATING
        return is_new and self._site.now() - made >= self._site.grace_seconds

    async def _is_begun(self, job: Record) -> bool:
        """Whether all of it was made: the Job was the last."""
        namespace, name = job.document["kubernetes_namespace"], job.document["kubernetes_job"]
        try:
            await self._site.api.get(JOB, namespace, name)
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True


def _variant_of(job: NewJob) -> Variant:
    job_type = JobType(job.record.document["job_type"])
    if job_type is JobType.CUSTOMIZE:
        return job_type, None
    return job_type, RecipeType(job.artifact.document["recipe_type"])


def _with(job: NewJob, change: Document) -> NewJob:
    document = {**job.record.document, **change}
    return replace(job, record=replace(job.record, document=document))
