"""
Deletes what jobs have left: everything of jobs that have no record, and of those that are over what
costs others something.  What cannot be told to be a job's is let alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.labels import (
    JOB_LABEL,
    MANAGED_LABEL,
    MANAGER,
    OURS,
    labels_of,
)
from image_management.jobs.kubernetes.observer import ListJobs
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
from image_management.jobs.progress import is_over
from image_management.records.record import Record
from image_management.store.errors import StoreUnavailable

SWEEP_SECONDS = 300.0
"""Between two looks at everything."""

GRACE_SECONDS = 600.0
"""For which something has to have been nobody's before it is deleted."""

_KINDS = (JOB, CONFIG_MAP, SECRET, CLAIM, SERVICE, DESTINATION_RULE)
"""What jobs consist of; a Job first, since it would go on with what is left of the others."""

_FREED = frozenset({CLAIM, SERVICE, DESTINATION_RULE})
"""What a job that is over needs no more: storage, and an address."""

_CRAY_NAME = re.compile(
    r"cray-ims-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"-(?:configmap|signing-keys|job-claim|service|create|customize)"
)
"""How Cray's service names the objects of a job, and so does this one."""


class Reaper(Background):
    """Sweeps now and then."""

    failed = "what jobs leave in Kubernetes is not deleted any more"
    _log = Logger()

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        jobs: ListJobs,
        clock: IReactorTime,
        *,
        by_name: bool,
        reaped: Callable[[str], None],
    ) -> None:
        """
        @param jobs: the records of all jobs, of whatever backend: what has one is not deleted.
        @param by_name: whether also what has no label of ours is a job's, by its name: what an
            earlier service has left.
        @param reaped: is told the kind of each object that is deleted.
        """
        self._api = api
        self._namespace = namespace
        self._jobs = jobs
        self._clock = clock
        self._by_name = by_name
        self._reaped = reaped
        self._doomed: dict[str, float] = {}
        self._refused: set[Resource] = set()

    async def run(self) -> None:
        """Sweep, again and again."""
        while True:
            try:
                await self._sweep()
            except StoreUnavailable as error:
                self._log.warn("nothing is reaped: {error}", error=str(error))
            await deferLater(self._clock, SWEEP_SECONDS)

    async def _sweep(self) -> None:
        """
        Delete what has been nobody's for long enough.

        The objects are listed first: a job's record is there before its objects are, and until they
        are gone.
        """
        found = [(kind, one) for kind in _KINDS for one in await self._listed(kind)]
        jobs = {job.id: job for job in await self._jobs()}
        now = self._clock.seconds()
        doomed = [(kind, one) for kind, one in found if self._is_doomed(kind, one, jobs)]
        self._doomed = {_uid(one): self._doomed.get(_uid(one), now) for _, one in doomed}
        for kind, one in doomed:
            if now - self._doomed[_uid(one)] >= GRACE_SECONDS:
                await self._delete(kind, one)

    def _is_doomed(self, kind: Resource, thing: Object, jobs: Mapping[str, Record]) -> bool:
        id = self._job_of(thing)
        if id is None or "deletionTimestamp" in thing["metadata"]:
            return False
        job = jobs.get(id)
        return job is None or (kind in _FREED and is_over(job))

    def _job_of(self, thing: Object) -> str | None:
        """The id of the job that an object is of; C{None}: of none."""
        labels = labels_of(thing)
        if labels.get(MANAGED_LABEL) == MANAGER:
            return labels.get(JOB_LABEL)
        named = _CRAY_NAME.fullmatch(name_of(thing)) if self._by_name else None
        return None if named is None else named[1]

    async def _listed(self, kind: Resource) -> list[Object]:
        """All objects of a kind that may be a job's."""
        labels = "" if self._by_name else OURS
        try:
            found = (await self._api.list(kind, self._namespace, labels)).items
        except ApiError as error:
            if error.status != 404:  # the cluster knows no such kind
                self._tell_once(kind, error)
            return []
        self._refused.discard(kind)
        return found

    async def _delete(self, kind: Resource, thing: Object) -> None:
        name = name_of(thing)
        try:
            await self._api.delete(kind, self._namespace, name, _uid(thing))
        except ApiError as error:
            self._log.error("{error}; it is tried again", error=str(error))
            return
        self._reaped(kind.kind)
        self._log.info("{kind} {name} is deleted: nobody needs it", kind=kind.kind, name=name)

    def _tell_once(self, kind: Resource, error: ApiError) -> None:
        if kind not in self._refused:
            self._refused.add(kind)
            self._log.warn("what is left of jobs stays: {error}", error=str(error))


def _uid(thing: Object) -> str:
    uid: str = thing["metadata"]["uid"]
    return uid
