"""
image-management in pods, as C{deploy/kubernetes/overlays/image-management} has it, on a real node:
two replicas, their records in PostgreSQL, and jobs by the account of their own.  As root; a part of
C{make cluster-test}.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import yaml
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.names.dns import DNSDatagramProtocol
from twisted.names.hosts import Resolver
from twisted.names.server import DNSServerFactory

from tests.deploy.containers import archived_image
from tests.deploy.kubernetes_objects import KUBERNETES
from tests.engines.kubernetes.bed import KubernetesBed
from tests.engines.kubernetes.control_plane import control_plane, kubectl
from tests.engines.kubernetes.forwarding import Forward
from tests.engines.kubernetes.node import API_ADDRESS
from tests.engines.postgresql import postgresql
from tests.engines.sshd import make_key
from tests.engines.versitygw import Versitygw
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.kubernetes import on_node
from tests.image_management.jobs.kubernetes.running import Jobs
from tests.image_management.service import Ims
from tests.running import run

_IMAGE = "localhost/assisted-images"
_NAMESERVER = 53
_PORT = 9000


class PodTests(on_node.CustomizeTests):
    """The same cases as with a service outside of the cluster."""

    timeout = 1200

    async def kubectl(self, *words: str) -> bytes:
        return await run(kubectl(), f"--kubeconfig={control_plane().kubeconfig}", *words)

    async def start_service(
        self, bed: KubernetesBed, s3: Versitygw, settings: Mapping[str, str]
    ) -> Jobs:
        folder = Path(self.mktemp()).resolve()
        shutil.copytree(KUBERNETES, folder)
        self.node.add_image(archived_image(folder, f"{_IMAGE}:pods"))
        self._serve_names()
        to_api = Forward(self, API_ADDRESS, 443)
        to_api.port = control_plane().port
        keys = {"S3_ACCESS_KEY": s3.access.access_key, "S3_SECRET_KEY": s3.access.secret_key}
        await bed.client.create("secrets", _secret("s3", keys))
        await bed.client.create("secrets", _secret("database", {"url": self._database()}))
        key = await make_key(self, "ed25519")
        await bed.client.create("secrets", _secret("ssh", {"id_ed25519": key.read_text()}))
        overlay = folder / "overlays/test"
        overlay.mkdir()
        (overlay / "kustomization.yaml").write_text(_kustomization(settings))
        self.addCleanup(Deferred.fromCoroutine, self._delete(overlay))
        await self.kubectl("apply", "--kustomize", str(overlay))
        status = ("rollout", "status", "statefulset/image-management", "--timeout=120s")
        await self.kubectl("--namespace=ims", *status)
        return await self._jobs(bed, s3)

    async def _jobs(self, bed: KubernetesBed, s3: Versitygw) -> Jobs:
        """The first replica, as the test's client and pods see it."""
        pod = await bed.client.get("pods", "image-management-0")
        to_client = Forward(self, "127.0.0.1")
        for forward in (to_client, self.to_service):
            forward.host, forward.port = pod["status"]["podIP"], _PORT
        process: Any = SimpleNamespace(ports={"http": to_client.own_port})
        return Jobs(bed, s3, {}, Ims(process, s3))

    async def _delete(self, overlay: Path) -> None:
        await self.kubectl("delete", "--kustomize", str(overlay), "--wait=true")
        while await self.jobs.bed.client.names("pods", "app.kubernetes.io/name=image-management"):
            await deferLater(trial_reactor(), 0.1)

    def _database(self) -> str:
        to_database = Forward(self, self.node.address)
        to_database.path = str(postgresql().socket)
        name = urlsplit(postgresql().new_database(self)).path
        return f"postgresql://ims@{self.node.address}:{to_database.own_port}{name}"

    def _serve_names(self) -> None:
        """Be the cluster's name server: it knows what the test does."""
        names = DNSServerFactory(clients=[Resolver(file=str(self.hosts).encode())])
        names.noisy = False
        server: Any = trial_reactor()
        listening = server.listenUDP(
            _NAMESERVER, DNSDatagramProtocol(names), interface=self.node.address
        )
        self.addCleanup(listening.stopListening)

    async def test_replicas(self) -> None:
        """What one has taken the other one has."""
        jobs = await self.begin()
        made = await jobs.ims.make("/v3/images", name="compute")
        second = await jobs.bed.client.get("pods", "image-management-1")
        to_second = Forward(self, "127.0.0.1")
        to_second.host, to_second.port = second["status"]["podIP"], _PORT
        process: Any = SimpleNamespace(ports={"http": to_second.own_port})
        self.assertEqual(await Ims(process, jobs.s3).lists("/v3/images"), [made["id"]])


def _secret(name: str, content: Mapping[str, str]) -> dict[str, Any]:
    """One that the overlay names."""
    return {"metadata": {"name": f"image-management-{name}"}, "stringData": dict(content)}


def _kustomization(settings: Mapping[str, str]) -> str:
    """A site's own, over the overlay."""
    literals = [f"{name}={text}" for name, text in {"DRAIN_SECONDS": "1", **settings}.items()]
    image = {"name": "registry.example.com/assisted-images", "newName": _IMAGE, "newTag": "pods"}
    generator = {"name": "image-management", "behavior": "merge", "literals": literals}
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "ims",
            "resources": ["../image-management"],
            "images": [image],
            "configMapGenerator": [generator],
        }
    )
