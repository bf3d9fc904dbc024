"""Overlays of C{deploy/kubernetes/} applied to a real node, as root, by kubectl."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.names.dns import DNSDatagramProtocol
from twisted.names.hosts import Resolver
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from tests.deploy.containers import archived_image
from tests.deploy.kubernetes_objects import KUBERNETES
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.control_plane import control_plane, kubectl
from tests.engines.kubernetes.node import Node
from tests.httpd.outbound.servers import trial_reactor
from tests.running import run

_IMAGE = "localhost/assisted-images"
_NAMESERVER = 53
_POLL_SECONDS = 0.1


class Applied:
    """
    What one overlay makes of one service.

    @ivar client: its namespace.
    """

    def __init__(self, test: TestCase, node: Node, client: Client, service: str) -> None:
        self.client = client
        self._test = test
        self._node = node
        self._service = service
        self._folder = Path(test.mktemp()).resolve()
        shutil.copytree(KUBERNETES, self._folder)

    async def kubectl(self, *words: str) -> bytes:
        """What it prints, asked about this namespace."""
        own = (f"--kubeconfig={control_plane().kubeconfig}", f"--namespace={self.client.namespace}")
        return await run(kubectl(), *own, *words)

    async def apply(self, overlay: str, settings: Mapping[str, str], *variables: str) -> None:
        """
        Have its objects, with some other settings, as a site's own overlay over it would say; the
        test's end deletes them.

        @param variables: what the container image has in its environment besides, as C{NAME=text}.
        """
        self._node.add_image(archived_image(self._folder, f"{_IMAGE}:pods", *variables))
        own = self._folder / "overlays/own"
        own.mkdir()
        (own / "kustomization.yaml").write_text(self._kustomization(overlay, settings))
        self._test.addCleanup(Deferred.fromCoroutine, self._delete(own))
        await self.kubectl("apply", "--kustomize", str(own))

    async def until_ready(self) -> None:
        """
        Wait until all replicas are.

        @raise AssertionError: that takes long.
        """
        try:
            status = ("status", f"statefulset/{self._service}", "--timeout=120s")
            await self.kubectl("rollout", *status)
        except AssertionError:
            print((await self.kubectl("describe", "pods")).decode())
            raise

    async def address_of(self, pod: str) -> str:
        """Where a pod is."""
        return str((await self.client.get("pods", pod))["status"]["podIP"])

    def serve_names(self, hosts: Path) -> None:
        """Be the cluster's name server, which knows what a file says (hosts(5))."""
        names = DNSServerFactory(clients=[Resolver(file=str(hosts).encode())])
        names.noisy = False
        listening = trial_reactor().listenUDP(
            _NAMESERVER, DNSDatagramProtocol(names), interface=self._node.address
        )
        self._test.addCleanup(listening.stopListening)

    def _kustomization(self, overlay: str, settings: Mapping[str, str]) -> str:
        given = {"DRAIN_SECONDS": "1", **settings}
        literals = [f"{name}={text}" for name, text in given.items()]
        image = {"name": "registry.example.com/assisted-images", "newName": _IMAGE}
        return yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": self.client.namespace,
                "resources": [f"../{overlay}"],
                "images": [{**image, "newTag": "pods"}],
                "configMapGenerator": [
                    {"name": self._service, "behavior": "merge", "literals": literals}
                ],
            }
        )

    async def _delete(self, own: Path) -> None:
        await self.kubectl("delete", "--kustomize", str(own), "--wait=true")
        while await self.client.names("pods", f"app.kubernetes.io/name={self._service}"):
            await deferLater(trial_reactor(), _POLL_SECONDS)
