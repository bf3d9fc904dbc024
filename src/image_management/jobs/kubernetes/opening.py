"""The Kubernetes backend, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.endpoints import HostnameEndpoint

from httpd.outbound.agent import OutboundAgent
from httpd.outbound.proxies import Proxies
from image_management.jobs.backend import Follow, LogReader, MakeBackend, Reports
from image_management.jobs.kubernetes.api import KubernetesApi
from image_management.jobs.kubernetes.backend import NAME, KubernetesBackend, Site
from image_management.jobs.kubernetes.connection import CONNECT_SECONDS, Cluster
from image_management.jobs.kubernetes.finishing import Finishing, load_own_key
from image_management.jobs.kubernetes.labels import OURS
from image_management.jobs.kubernetes.logs import PodLog
from image_management.jobs.kubernetes.observer import Observer
from image_management.jobs.kubernetes.places import KubernetesSettings
from image_management.jobs.kubernetes.reaper import Reaper
from image_management.jobs.kubernetes.remote_nodes import RemoteNodes
from image_management.jobs.kubernetes.resources import JOB, POD
from image_management.jobs.kubernetes.sights import Sights
from image_management.jobs.kubernetes.template_sets import template_sets
from image_management.jobs.kubernetes.watch import Mirror
from image_management.jobs.nodes.probes import NodeProbes
from image_management.jobs.progress import is_over
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.s3.objects import ObjectStore
from image_management.store.errors import NotFound
from image_management.store.store import Store
from image_management.values import USER_AGENT

_MAKING_SECONDS = 900.0
"""For which the making of a job may take another replica, whose API server hardly answers."""

Counted = Callable[[str], None]
"""Is told of something that is counted, by its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the backend is made of."""

    settings: KubernetesSettings
    cluster: Cluster
    reactor: Any
    store: Store
    objects: ObjectStore
    nodes: NodeProbes
    key_dir: Path
    """Where the key is by which this service logs in to jobs."""
    environment: Mapping[str, str] = field(repr=False)
    """Which may name proxies."""
    watch_restarted: Counted
    """Is told of which resource whenever a watch breaks."""
    reaped: Counted
    """Is told of which kind each object is that jobs had left."""

    def backend(self) -> MakeBackend:
        """
        What makes it.  Blocking: it reads the site's templates.

        @raise ValueError: the environment names no proxies, or a template cannot be used.
        @raise BadHostKey: there is something else in place of the key.
        @raise OSError: that cannot be read or made.
        """
        agent = OutboundAgent(
            self.reactor,
            self.cluster.policy,
            Proxies.of_environment(self.environment),
            user_agent=USER_AGENT,
            connect_seconds=CONNECT_SECONDS,
        )
        api = KubernetesApi(self.cluster, agent, self.reactor)
        templates = template_sets(self.settings.template_path)
        finishing = Finishing(load_own_key(self.key_dir), self._connect, self.reactor)

        def open_log(job: Record, follow: Follow, tail: int | None) -> LogReader:
            return PodLog(api, job, self.reactor, follow, tail, lambda: self._goes_on(job))

        def make(report: Reports) -> KubernetesBackend:
            site = Site(
                settings=self.settings,
                api=api,
                templates=templates,
                nodes=RemoteNodes(self.store, self.nodes, self.reactor),
                presigned=self.objects.presigned_get,
                turns=finishing,
                open_log=open_log,
                background=self._background(api, report),
                grace_seconds=_MAKING_SECONDS if self.settings.has_replicas else 0.0,
            )
            return KubernetesBackend(site)

        return make

    def _background(self, api: KubernetesApi, report: Reports) -> Sequence[Service]:
        """Looks at the cluster, and tells of jobs that are lost; and sweeps it."""
        namespace, reactor = self.settings.namespace, self.reactor
        jobs, pods = (
            Mirror(api, resource, namespace, OURS, reactor, restarted=self.watch_restarted)
            for resource in (JOB, POD)
        )
        sights = Sights(api, jobs, pods, reactor)
        pending_seconds = self.settings.pending_seconds
        observer = Observer(sights, self._own_jobs, report, reactor, time.time, pending_seconds)
        reaper = Reaper(
            api,
            namespace,
            self._all_jobs,
            reactor,
            by_name=self.settings.reap_cray,
            reaped=self.reaped,
        )
        return jobs, pods, observer, reaper

    def _connect(self, host: str, port: int) -> HostnameEndpoint:
        return HostnameEndpoint(self.reactor, host.encode(), port)

    async def _all_jobs(self) -> Sequence[Record]:
        return await self.store.list_records(Kind.JOB)

    async def _own_jobs(self) -> Sequence[Record]:
        return [job for job in await self._all_jobs() if job.document["backend"] == NAME]

    async def _goes_on(self, job: Record) -> bool:
        try:
            return not is_over(await self.store.get(Kind.JOB, job.id))
        except NotFound:
            return False
