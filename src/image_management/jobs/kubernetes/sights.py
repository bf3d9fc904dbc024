"""What is seen of a job in the cluster, by whatever means are allowed."""

from __future__ import annotations

from cachetools import TTLCache
from twisted.internet.interfaces import IReactorTime

from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.resources import CLAIM, JOB, Object, Resource
from image_management.jobs.kubernetes.verdicts import Sight
from image_management.jobs.kubernetes.watch import Mirror
from image_management.records.record import Record

ASK_SECONDS = 30.0
"""Between two questions for an object that is not watched."""

_MOST_KEPT = 10_000


class Sights:
    """
    Looks at jobs' objects.

    What is watched is at hand.  A Job that is not among that is asked for: so one that is gone is
    gone for certain, and those that may not be watched are seen all the same.
    """

    def __init__(self, api: KubernetesApi, jobs: Mirror, pods: Mirror, clock: IReactorTime) -> None:
        self._api = api
        self._jobs = jobs
        self._pods = pods
        self._answers: TTLCache[tuple[Resource, str, str], Object | None] = TTLCache(
            _MOST_KEPT, ASK_SECONDS, clock.seconds
        )

    async def until_known(self) -> None:
        """Wait until what is watched is at hand: before that it would seem not to be."""
        await self._jobs.known
        await self._pods.known

    async def of(self, job: Record) -> Sight:
        """
        What is seen of a job now.

        @raise ApiError: there is no telling.
        """
        namespace, name = _place(job, "kubernetes_job")
        if namespace != self._jobs.namespace:
            return Sight(await self._asked(JOB, namespace, name))
        seen = self._jobs.objects.get(name)
        if seen is None:
            seen = await self._asked(JOB, namespace, name)
        else:
            # Of no use once it is gone again.
            self._answers.pop((JOB, namespace, name), None)
        return Sight(seen, self._pods.of_job(job.id))

    async def claim_of(self, job: Record) -> Object | None:
        """
        A job's claim of storage; C{None}: there is none.

        @raise ApiError: there is no telling.
        """
        return await self._asked(CLAIM, *_place(job, "kubernetes_pvc"))

    async def _asked(self, resource: Resource, namespace: str, name: str) -> Object | None:
        key = (resource, namespace, name)
        try:
            return self._answers[key]
        except KeyError:
            found = self._answers[key] = await self._found(*key)
            return found

    async def _found(self, resource: Resource, namespace: str, name: str) -> Object | None:
        try:
            return await self._api.get(resource, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


def _place(job: Record, member: str) -> tuple[str, str]:
    """The namespace and the name of an object of a job, as its record has them."""
    document = job.document
    return str(document["kubernetes_namespace"]), str(document[member])
