"""Which remote build node works on a new job, if any does."""

from __future__ import annotations

from collections import Counter

from cachetools import TTLCache
from twisted.internet.interfaces import IReactorTime

from image_management.jobs.creation import NewJob
from image_management.jobs.nodes.choice import least_loaded
from image_management.jobs.nodes.probes import NodeProbes
from image_management.jobs.progress import is_over
from image_management.records.kinds import Kind
from image_management.records.words import Architecture
from image_management.store.store import Store

PROBE_SECONDS = 10.0
"""For which a new job waits for what nodes say of themselves."""

_PROMISED_SECONDS = 60.0
"""For which a node counts as a job's whose record is not stored yet."""


class RemoteNodes:
    """Chooses nodes, so that the jobs of one moment do not all go to the same."""

    def __init__(self, store: Store, probes: NodeProbes, clock: IReactorTime) -> None:
        self._store = store
        self._probes = probes
        self._promised: TTLCache[str, str] = TTLCache(10_000, _PROMISED_SECONDS, clock.seconds)

    async def for_job(self, job: NewJob) -> str:
        """
        The node for a job: of those that can work on one the least loaded.

        @return: empty: there is none, and the cluster works on it itself.
        @raise StoreUnavailable: nobody knows which nodes there are.
        """
        nodes = await self._store.list_records(Kind.REMOTE_BUILD_NODE)
        if not nodes:
            return ""
        found = await self._probes.all_of([node.id for node in nodes], PROBE_SECONDS)
        jobs = await self._store.list_records(Kind.JOB)
        stored = {one.id: one.document["remote_build_node"] for one in jobs if not is_over(one)}
        load = Counter((dict(self._promised) | stored).values())
        chosen = least_loaded(found, Architecture(job.record.document["arch"]), load)
        if chosen is None:
            return ""
        self._promised[job.record.id] = chosen.xname
        return chosen.xname
