"""What the tests of who looks at a cluster have in common: the double, jobs in it, and a clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from twisted.application.service import Service
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from httpd.outbound.agent import OutboundAgent
from image_management.jobs.backend import Report
from image_management.jobs.kubernetes.api import KubernetesApi
from image_management.jobs.kubernetes.connection import cluster_of_file
from image_management.jobs.kubernetes.labels import JOB_LABEL, MANAGED_LABEL, MANAGER, OURS
from image_management.jobs.kubernetes.resources import Resource
from image_management.jobs.kubernetes.watch import Mirror
from image_management.records.record import Record
from image_management.values import USER_AGENT
from tests.engines.kubernetes.bed import sample_job
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.double import Double
from tests.engines.kubernetes.failing_server import FailingServer
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.samples import job_record

_TURN = 0.005
"""Seconds."""

_DOCUMENT = Path(__file__).parents[4] / "docs/how-to/jobs.md"


def with_members(job: Record, **members: Any) -> Record:
    """The record of a job, changed."""
    return replace(job, document={**job.document, **members})


def labels_of_job(id: str) -> dict[str, str]:
    """Those by which an object is known as a job's."""
    return {MANAGED_LABEL: MANAGER, JOB_LABEL: id}


@cache
def documented_role() -> set[tuple[str, str]]:
    """The verbs, with their resources, that docs/how-to/jobs.md says the service needs."""
    [text] = re.findall(r"(?s)```yaml\n(.*?)```", _DOCUMENT.read_text())
    role, _ = yaml.safe_load_all(text)
    return {
        (verb, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }


class ObservingCase(KubernetesTestCase):
    """
    Has a Kubernetes, and our client of it.

    @ivar clock: by which those who look wait; requests have the reactor's time.
    @ivar restarted: which watches broke.
    """

    bed: FailingServer
    api: KubernetesApi

    def setUp(self) -> None:
        self.clock = Clock()
        self.restarted: list[str] = []
        self.reports: list[Report] = []
        self.bed = self.start_kubernetes()
        self.api = self.api_of(self.bed)
        self.addCleanup(self.check_role)

    def check_role(self) -> None:
        """Whether all that was asked for is in the role that sites are told of."""
        allowed = documented_role()
        self.assertEqual({(one.verb, one.resource) for one in self.bed.requests} - allowed, set())

    @property
    def double(self) -> Double:
        """The Kubernetes, for what only the double can do."""
        assert isinstance(self.bed, Double)
        return self.bed

    def api_of(self, bed: FailingServer) -> KubernetesApi:
        """One that waits for nothing before it tries again."""
        cluster = cluster_of_file(bed.kubeconfig, trial_reactor().seconds)
        agent = OutboundAgent(trial_reactor(), cluster.policy, user_agent=USER_AGENT)
        self.addCleanup(agent.close)
        return KubernetesApi(cluster, agent, trial_reactor(), pauses=(0.0, 0.0, 0.0))

    def mirror(self, resource: Resource) -> Mirror:
        """What is watched of a kind, from now until the test ends."""
        mirror = Mirror(
            self.api, resource, self.bed.namespace, OURS, self.clock, self.restarted.append
        )
        self.run_service(mirror)
        return mirror

    def run_service(self, service: Service) -> None:
        """Start it; the test's end stops it."""
        service.startService()
        self.addCleanup(lambda: maybeDeferred(service.stopService))

    async def make_job(self, **members: Any) -> Record:
        """A job with its Job and pod, which are to have begun."""
        record = job_record()
        name = f"cray-ims-{record.id}-customize"
        await self.bed.client.create("jobs", sample_job(name, labels_of_job(record.id)))
        await self.bed.kubelet.pod_of(name)
        return with_members(
            record,
            backend="kubernetes",
            kubernetes_namespace=self.bed.namespace,
            kubernetes_job=name,
            kubernetes_pvc=f"cray-ims-{record.id}-job-claim",
            **members,
        )

    def told_of(self, part: str) -> list[str]:
        """The lines of the log whose formats have a part."""
        told: list[str] = []

        def note(event: LogEvent) -> None:
            if part in (event.get("log_format") or ""):
                told.append(formatEvent(event))

        observer = implementer(ILogObserver)(note)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return told

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something is so."""
        while not holds():
            await deferLater(trial_reactor(), _TURN)

    async def until_later(self, holds: Callable[[], Any], step: float = 1.0) -> float:
        """
        Let time go by until something is so: only while somebody waits for time, and not for the
        server.

        @return: the seconds that it took.
        """
        began = self.clock.seconds()
        while not holds():
            if self.clock.getDelayedCalls():
                self.clock.advance(step)
            await deferLater(trial_reactor(), _TURN)
        return self.clock.seconds() - began
