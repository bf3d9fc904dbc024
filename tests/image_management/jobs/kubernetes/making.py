"""Jobs that are made in a double of Kubernetes, by the service's own parts, with a real store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from httpd.outbound.agent import OutboundAgent
from httpd.web.problems import Problem
from image_management.jobs.creation import JobCreation, NewJob
from image_management.jobs.kubernetes.api import KubernetesApi
from image_management.jobs.kubernetes.backend import KubernetesBackend, Site
from image_management.jobs.kubernetes.connection import cluster_of_file
from image_management.jobs.kubernetes.labels import JOB_LABEL, MANAGED_LABEL, MANAGER, labels_of
from image_management.jobs.kubernetes.remote_nodes import RemoteNodes
from image_management.jobs.kubernetes.template_sets import template_sets
from image_management.jobs.nodes.status import NodeStatus
from image_management.jobs.service import JobService
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.store.store import Store
from image_management.values import USER_AGENT
from tests.engines.kubernetes.double import Double, start_double
from tests.engines.kubernetes.resources import KINDS
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.kubernetes.samples import SETTINGS, cluster_job
from tests.image_management.store.case import CREATED, OnSqlite, StoreCase

MADE = ["configmaps", "destinationrules", "jobs", "persistentvolumeclaims", "secrets", "services"]
"""Of which kinds a job has an object each."""

OWN_KEY = "ssh-ed25519 BBBB image-management"


class Prepared(JobCreation):
    """Finds everything as it should be."""

    def __init__(self) -> None:
        """Nothing is looked at."""

    async def prepare(self, members: Mapping[str, Any], created: str) -> NewJob:
        return cluster_job(**members)


class Nodes:
    """Remote build nodes, in place of those that are logged in to."""

    def __init__(self, *statuses: NodeStatus) -> None:
        self.statuses = {one.xname: one for one in statuses}
        self.seconds: float | None = None

    async def all_of(self, xnames: Any, seconds: float | None = None) -> list[NodeStatus]:
        self.seconds = seconds
        return [self.statuses.get(xname, NodeStatus(xname)) for xname in xnames]


@dataclass
class Turns:
    """Users' turns, whose ends are remembered."""

    public_key: str = OWN_KEY
    ended: tuple[str, bool] | None = None

    async def end(self, job: Record, *, failed: bool) -> None:
        self.ended = job.id, failed


class MakingCase(OnSqlite, StoreCase):
    """Has the double, a store and a service."""

    timeout = 120
    istio = True
    double: Double
    store: Store
    service: JobService

    def setUp(self) -> None:
        super().setUp()
        self.double = start_double(self, istio=self.istio)
        self.store = self.open_store()
        self.nodes = Nodes()
        self.turns = Turns()
        self.service = self.make_service()

    def make_service(self, clock: Any = None, **parts: Any) -> JobService:
        """
        Another one.

        @param clock: by which it waits before it tries again; by default it does so at once.
        """
        cluster = cluster_of_file(self.double.kubeconfig, trial_reactor().seconds)
        agent = OutboundAgent(trial_reactor(), cluster.policy, user_agent=USER_AGENT)
        self.addCleanup(agent.close)
        api = KubernetesApi(cluster, agent, clock or trial_reactor(), pauses=(0.0, 0.0, 0.0))
        site = Site(
            settings=SETTINGS,
            api=api,
            templates=template_sets(Path("/nowhere")),
            nodes=RemoteNodes(self.store, self.nodes, trial_reactor()),  # type: ignore[arg-type]
            presigned=_presigned,
            turns=self.turns,
            open_log=lambda *_: None,
            **parts,
        )
        return JobService(
            self.store, Prepared(), lambda _: KubernetesBackend(site), clock or trial_reactor()
        )

    async def have_signing_keys(self) -> None:
        """Have the cluster know by what packages are signed."""
        secret = {"metadata": {"name": "hpe-signing-key"}, "type": "Opaque", "data": {"k": "a2V5"}}
        await self.double.client.within("services").create("secrets", secret)

    async def create(self, **members: Any) -> Record:
        return await self.service.create(members, CREATED)

    async def refusal(self, doing: Any, status: int = 502) -> str:
        """What a client is told instead."""
        with self.assertRaises(Problem) as refused:
            await doing
        self.assertEqual(refused.exception.status, status)
        return str(refused.exception.detail)

    async def jobs(self) -> list[Record]:
        return await self.store.list_records(Kind.JOB)

    def things(self, *resources: str) -> list[Any]:
        """The objects of jobs, looked at where the double has them."""
        objects = self.double.registry.objects

        def is_ours(thing: Any) -> bool:
            return labels_of(thing).get(MANAGED_LABEL) == MANAGER

        return [thing for one in resources for thing in objects.list(KINDS[one], "ims", is_ours)]

    def made(self) -> list[str]:
        """The kinds of all objects of jobs, but pods, each as often as there are some."""
        return [one for one in MADE for _ in self.things(one)]

    async def assert_nothing(self, told: str = "") -> None:
        """
        See that neither an object nor a record is there, as soon as the cluster has done what it
        does in the background: pods go after their Jobs, and claims after the pods.
        """
        self.assertEqual(await self.jobs(), [], told)
        while self.things("pods") and not self.things("jobs"):
            await deferLater(trial_reactor(), 0)
        while any("deletionTimestamp" in one["metadata"] for one in self.things(*MADE)):
            await deferLater(trial_reactor(), 0)
        self.assertEqual(self.things(*MADE, "pods"), [], told)

    async def assert_whole(self, job: Record, told: str = "") -> None:
        """See that everything of a job is there, and nothing of others."""
        self.assertEqual([one.id for one in await self.jobs()], [job.id], told)
        self.assertEqual(self.made(), MADE, told)
        self.assertEqual({labels_of(one)[JOB_LABEL] for one in self.things(*MADE)}, {job.id}, told)

    def asked(self, *verbs: str) -> list[str]:
        """What has been asked of the cluster so far."""
        return [f"{one.verb} {one.resource}" for one in self.double.requests if one.verb in verbs]


def _presigned(link: Link) -> str:
    return f"https://s3/{link.bucket}/{link.key}?X-Amz-Signature=secret"


def running(coroutine: Any) -> Deferred[Any]:
    """Have something go on beside the test."""
    return Deferred.fromCoroutine(coroutine)
