"""What tests need of Kubernetes, whether it is a real one or the double."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import deferLater

from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.kubelet import Kubelet
from tests.engines.kubernetes.resources import Json, StatusError
from tests.httpd.outbound.servers import trial_reactor

_POLL_SECONDS = 0.05

JOBS_RESOURCES = (
    "jobs",
    "pods",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "services",
    "destinationrules",
)
"""Where objects of jobs may be."""

OURS = "app.kubernetes.io/managed-by=image-management"
"""The label selector of all that image management makes."""


ROOT_CA = "kube-root-ca.crt"
"""The ConfigMap that each namespace of a real one has."""


class KubernetesBed:
    """
    A Kubernetes, and a namespace of it that nobody else uses.

    @ivar server: the URL of its API.
    @ivar authority: the certificate by which that is known, in PEM; empty: it needs none.
    @ivar kubeconfig: a file that says how image management gets at it.
    @ivar namespace: where jobs are.
    @ivar client: what the test itself sees and does there.
    @ivar kubelet: the test as the node's agent.
    """

    def __init__(self, server: str, kubeconfig: Path, client: Client) -> None:
        self.server = server
        self.authority = client.authority
        self.kubeconfig = kubeconfig
        self.namespace = client.namespace
        self.client = client
        self.kubelet = Kubelet(client)

    @property
    def settings(self) -> dict[str, str]:
        """Those of a service that is to use it."""
        return {
            "IMS_JOB_BACKEND": "kubernetes",
            "KUBECONFIG": str(self.kubeconfig),
            "DEFAULT_IMS_JOB_NAMESPACE": self.namespace,
            "IMS_UTILS_IMAGE": "localhost/ims-utils:1",
            "IMS_BUILDER_IMAGE": "localhost/ims-builder:1",
            "IMS_SSHD_IMAGE": "localhost/ims-sshd:1",
        }

    async def everything(self, labels: str = OURS) -> list[str]:
        """What a label selector names, such as C{jobs/cray-ims-1-create}, in order."""
        found = []
        for resource in JOBS_RESOURCES:
            if resource == "destinationrules" and not await self.has_istio():
                continue
            names = await self.client.names(resource, labels)
            found += [f"{resource}/{name}" for name in names if name != ROOT_CA]
        return sorted(found)

    async def emptied(self) -> None:
        """Wait until there is nothing of image management; the test's time limit ends it."""
        while await self.everything():
            await deferLater(trial_reactor(), _POLL_SECONDS)

    async def has_istio(self) -> bool:
        """Whether it knows DestinationRules."""
        try:
            await self.client.items("destinationrules")
        except StatusError:
            return False
        return True


def write_kubeconfig(
    directory: Path, server: str, token: str, authority: Path | None = None
) -> Path:
    """A file that says where a cluster is, and who one is there."""
    lines = [
        "apiVersion: v1",
        "kind: Config",
        "current-context: test",
        "contexts:",
        "- name: test",
        "  context: {cluster: test, user: image-management}",
        "clusters:",
        "- name: test",
        "  cluster:",
        f"    server: {server}",
        *([f"    certificate-authority: {authority}"] if authority else []),
        "users:",
        "- name: image-management",
        f"  user: {{token: {token}}}",
    ]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "kubeconfig"
    path.write_text("\n".join(lines) + "\n")
    return path


def sample_job(name: str, labels: dict[str, str] | None = None, **spec: object) -> Json:
    """
    A Job with an init container C{fetch} and a container C{main}, as data.

    @param spec: further members of its pod.
    """
    pod = {
        "restartPolicy": "Never",
        "initContainers": [{"name": "fetch", "image": "localhost/ims-utils:1"}],
        "containers": [{"name": "main", "image": "localhost/ims-sshd:1"}],
        **spec,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "backoffLimit": 0,
            "template": {"metadata": {"labels": labels or {}}, "spec": pod},
        },
    }
