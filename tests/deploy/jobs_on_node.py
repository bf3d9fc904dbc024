"""
image-management in pods, as C{deploy/kubernetes/overlays/image-management} has it, on a real node:
two replicas, their records in PostgreSQL, and jobs by the account of their own.  As root; a part of
C{make cluster-test}.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from tests.deploy.applied import Applied
from tests.engines.kubernetes.bed import KubernetesBed
from tests.engines.kubernetes.control_plane import control_plane
from tests.engines.kubernetes.forwarding import Forward
from tests.engines.kubernetes.node import API_ADDRESS
from tests.engines.postgresql import postgresql
from tests.engines.sshd import make_key
from tests.engines.versitygw import Versitygw
from tests.image_management.jobs.kubernetes import on_node
from tests.image_management.jobs.kubernetes.running import Jobs
from tests.image_management.service import Ims

_PORT = 9000


class PodTests(on_node.CustomizeTests):
    """The same cases as with a service outside of the cluster."""

    timeout = 1200

    async def start_service(
        self, bed: KubernetesBed, s3: Versitygw, settings: Mapping[str, str]
    ) -> Jobs:
        self.applied = Applied(self, self.node, bed.client, "image-management")
        self.applied.serve_names(self.hosts)
        to_api = Forward(self, API_ADDRESS, 443)
        to_api.port = control_plane().port
        key = await make_key(self, "ed25519")
        for name, content in (
            ("s3", {"S3_ACCESS_KEY": s3.access.access_key, "S3_SECRET_KEY": s3.access.secret_key}),
            ("database", {"url": self._database()}),
            ("ssh", {"id_ed25519": key.read_text()}),
        ):
            secret = {"metadata": {"name": f"image-management-{name}"}, "stringData": content}
            await bed.client.create("secrets", secret)
        await self.applied.apply("image-management", settings)
        await self.applied.until_ready()
        self.to_service.host = await self.applied.address_of("image-management-0")
        self.to_service.port = _PORT
        return Jobs(bed, s3, {}, await self._replica(0, s3))

    async def _replica(self, number: int, s3: Versitygw) -> Ims:
        """One of them, as a client sees it."""
        forward = Forward(self, "127.0.0.1")
        forward.host = await self.applied.address_of(f"image-management-{number}")
        forward.port = _PORT
        process: Any = SimpleNamespace(ports={"http": forward.own_port})
        return Ims(process, s3)

    def _database(self) -> str:
        forward = Forward(self, self.node.address)
        forward.path = str(postgresql().socket)
        name = urlsplit(postgresql().new_database(self)).path
        return f"postgresql://ims@{self.node.address}:{forward.own_port}{name}"

    async def test_replicas(self) -> None:
        """What one has taken the other one has."""
        jobs = await self.begin()
        made = await jobs.ims.make("/v3/images", name="compute")
        other = await self._replica(1, jobs.s3)
        self.assertEqual(await other.lists("/v3/images"), [made["id"]])
