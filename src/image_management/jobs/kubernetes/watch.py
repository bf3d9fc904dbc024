"""
The objects of a kind as they are now: listed, and then watched without a gap (Kubernetes API
Concepts, "Efficient detection of changes").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from random import uniform

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.labels import JOB_LABEL, labels_of
from image_management.jobs.kubernetes.resources import Object, Resource, name_of
from image_management.jobs.kubernetes.streams import Event

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between the end of a watch and the next one."""

FORBIDDEN_PAUSE = 30.0
"""Seconds between two tries to do what is not allowed."""


class Mirror(Background):
    """
    The objects of one kind in a namespace.

    While the API server is away, they are as they were last; where they may not be listed, there
    are none.

    @ivar objects: by their names.
    @ivar known: fires once they have been listed, or may not be.
    """

    failed = "objects of Kubernetes are not watched any more"
    _log = Logger()

    def __init__(
        self,
        api: KubernetesApi,
        resource: Resource,
        namespace: str,
        labels: str,
        clock: IReactorTime,
        restarted: Callable[[str], None],
    ) -> None:
        """
        @param labels: the selector of those that are of interest.
        @param restarted: is told of which resource each time that a watch breaks.
        """
        self.objects: dict[str, Object] = {}
        self.known: Deferred[None] = Deferred()
        self._by_job: dict[str, list[Object]] | None = None
        self.namespace = namespace
        self._api = api
        self._resource = resource
        self._labels = labels
        self._clock = clock
        self._restarted = restarted
        self._version: str | None = None
        self._most = SHORTEST_PAUSE
        self._is_refused = False

    def of_job(self, id: str) -> Sequence[Object]:
        """Those that are a job's."""
        if self._by_job is None:
            self._by_job = defaultdict(list)
            for one in self.objects.values():
                self._by_job[labels_of(one).get(JOB_LABEL, "")].append(one)
        return self._by_job.get(id, ())

    async def run(self) -> None:
        """List, watch, and begin again wherever that ends."""
        while True:
            try:
                await self._follow()
                self._most = SHORTEST_PAUSE
            except ApiError as error:
                pause = self._troubled(error)
            else:
                pause = SHORTEST_PAUSE
            await deferLater(self._clock, pause)

    async def _follow(self) -> None:
        """Take what comes until the server ends the watch."""
        if self._version is None:
            self._version = await self._list()
        watch = await self._api.watch(
            self._resource, self.namespace, self._version, labels=self._labels
        )
        self._is_refused = False
        try:
            while (event := await watch.next()) is not None:
                self._take(event)
        finally:
            watch.close()

    async def _list(self) -> str:
        """
        Take all that there are.

        @return: the version after which the watch begins.
        """
        try:
            listing = await self._api.list(self._resource, self.namespace, self._labels)
        except ApiError as error:
            if error.status == 403:
                self._take_all(())
            raise
        self._take_all(listing.items)
        return listing.version

    def _take_all(self, things: Iterable[Object]) -> None:
        self.objects = {name_of(one): one for one in things}
        self._by_job = None
        if not self.known.called:
            self.known.callback(None)

    def _take(self, event: Event) -> None:
        self._version = event.version
        self._most = SHORTEST_PAUSE
        self._by_job = None
        if event.type == "DELETED":
            self.objects.pop(name_of(event.object), None)
        elif event.type != "BOOKMARK":
            self.objects[name_of(event.object)] = event.object

    def _troubled(self, error: ApiError) -> float:
        """
        Make the best of a watch that is over.

        @return: seconds until the next.
        """
        if error.status is not None:
            # The server's own word (410: it does not know any more what came next): list again.
            self._version = None
        if error.status == 403:
            self._refused(error)
            return FORBIDDEN_PAUSE
        self._restarted(self._resource.plural)
        self._most = min(2 * self._most, LONGEST_PAUSE)
        # Some time or other, so that replicas do not ask all at once.
        pause = uniform(SHORTEST_PAUSE, self._most)  # noqa: S311
        self._log.info("{error}; once more in {pause:.1f} s", error=str(error), pause=pause)
        return pause

    def _refused(self, error: ApiError) -> None:
        """Say once what is not allowed; the error names the verb, the resource and the user."""
        if not self._is_refused:
            self._is_refused = True
            self._log.warn(
                "permission is missing (docs/how-to/jobs.md has the role): {error}; until it is"
                " given, jobs are looked at every {pause:g} s only",
                error=str(error),
                pause=FORBIDDEN_PAUSE,
            )
