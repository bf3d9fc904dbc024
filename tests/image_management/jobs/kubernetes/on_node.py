"""
Jobs in a real Kubernetes with a real node, as root: containers run, are killed and logged in to.
C{make cluster-test} runs it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from httpd.concurrency.coroutines import side_by_side
from tests.engines.kubernetes.bed import KubernetesBed
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.control_plane import control_plane
from tests.engines.kubernetes.failing_server import FailingServer
from tests.engines.kubernetes.forwarding import Forward
from tests.engines.kubernetes.node import node
from tests.engines.kubernetes.pod_image import JOB_IMAGE
from tests.engines.kubernetes.relay import start_relay
from tests.engines.sshd import make_key
from tests.engines.versitygw import Versitygw, start_versitygw
from tests.image_management.jobs.kubernetes.running import Jobs, start_jobs
from tests.running import run

_NOTICED_SECONDS = 60
_HTTP = 80

_NAME_WRAPPER = "libnss_wrapper.so"
"""Has one process find names of hosts in a file of its own (nss_wrapper(1))."""


class OnNode(KubernetesTestCase):
    """
    Has a service that pods reach, and that reaches pods.

    @ivar hosts: the file in which the service finds the names of Services.
    @ivar to_service: the port of the host's address at which pods find the service.
    """

    timeout = 600
    hosts: Path
    jobs: Jobs
    to_service: Forward

    def start_kubernetes(self) -> FailingServer:
        self.node = node()
        return start_relay(self, control_plane())

    async def begin(self, settings: Mapping[str, str] | None = None) -> Jobs:
        """Have the service, with what pods need of it."""
        bed = self.start_kubernetes()
        s3 = await start_versitygw(self)
        to_s3, self.to_service = (Forward(self, self.node.address, port) for port in (0, _HTTP))
        to_s3.port = int(s3.access.endpoint.rpartition(":")[2])
        self.hosts = Path(self.mktemp()).resolve()
        self.hosts.touch()
        endpoint = f"http://{self.node.address}:{to_s3.own_port}"
        places = {"S3_ENDPOINT": endpoint, "API_GATEWAY_HOSTNAME": self.node.address}
        images = ("IMS_UTILS_IMAGE", "IMS_BUILDER_IMAGE", "IMS_SSHD_IMAGE")
        given = places | dict.fromkeys(images, JOB_IMAGE) | dict(settings or {})
        self.jobs = await self.start_service(bed, s3, given)
        credentials = {
            "access_key": s3.access.access_key,
            "secret_key": s3.access.secret_key,
            "s3_endpoint": endpoint,
            "ssl_validate": "false",
        }
        secret = {"metadata": {"name": "ims-s3-credentials"}, "stringData": credentials}
        await bed.client.create("secrets", secret)
        return self.jobs

    async def start_service(
        self, bed: KubernetesBed, s3: Versitygw, settings: Mapping[str, str]
    ) -> Jobs:
        """Start it, outside of the cluster, and have C{to_service} lead to it."""
        own = {
            "KUBECONFIG": str(control_plane().kubeconfig),
            "LD_PRELOAD": _NAME_WRAPPER,
            "NSS_WRAPPER_HOSTS": str(self.hosts),
        }
        jobs = await start_jobs(self, bed, own | dict(settings), s3)
        self.to_service.port = jobs.ims.process.ports["http"]
        return jobs


class CustomizeTests(OnNode):
    """An image is opened, changed and packed again, by a pod's containers."""

    async def begun(self) -> tuple[dict[str, Any], str]:
        """A job whose user's turn it is, and how one logs in to it."""
        key = await make_key(self, "ed25519")
        root = Path(self.mktemp()).resolve()
        for name, text in (
            ("boot/vmlinuz", "kernel"),
            ("boot/initrd", "initrd"),
            ("etc/motd", "old"),
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        packed = root.with_suffix(".sqsh")
        await run("mksquashfs", root, packed, "-quiet", "-no-progress")
        jobs = await self.begin()
        await jobs.prepare(key.with_suffix(".pub").read_text(), packed.read_bytes())
        self.node.add_volume()
        began = time.monotonic()
        job = await jobs.make()
        job = await jobs.until(job["id"], "waiting_on_user")
        print(f"waiting_on_user after {time.monotonic() - began:.1f} s")
        pod = await jobs.bed.client.get(
            "pods", await jobs.bed.kubelet.pod_of(job["kubernetes_job"])
        )
        address = pod["status"]["podIP"]
        place = job["ssh_containers"][0]["connection_info"]["cluster.local"]
        self.assertEqual(place["port"], 22)
        self.hosts.write_text(f"{address} {place['host']}\n")
        self.login = (
            *("ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", f"root@{address}"),
        )
        return job, address

    async def test_by_the_verb(self) -> None:
        """What the user has changed is in the new image."""
        job, _ = await self.begun()
        jobs, id = self.jobs, job["id"]
        await run(*self.login, "echo -n new > /mnt/image/image-root/etc/motd")
        answer = await jobs.ims.ask("PATCH", f"/v3/jobs/{id}", {"operation": "finish"})
        self.assertEqual(answer.status, 200, answer.text)
        ended = await jobs.until(id, "success")
        await self.check_image(ended["resultant_image_id"])
        log = (await jobs.ims.ask("GET", f"/v3/jobs/{id}/log")).text
        for line in ("== prepare ", "== sshd ", "reported waiting_on_user", "reported success"):
            self.assertIn(line, log)
        self.assertNotIn(jobs.s3.access.secret_key, log)
        left = await jobs.bed.everything(f"ims-job-id={id}")
        self.assertFalse([one for one in left if one.startswith(("services/", "destination"))])
        await jobs.ims.ask("DELETE", f"/v3/jobs/{id}")
        await jobs.bed.emptied()

    async def test_by_the_file(self) -> None:
        """As users know it; C{failed} makes no image."""
        job, _ = await self.begun()
        images = await self.jobs.ims.lists("/v3/images")
        await run(*self.login, "touch /mnt/image/failed")
        ended = await self.jobs.until(job["id"], "error")
        self.assertIsNone(ended["resultant_image_id"])
        self.assertEqual(await self.jobs.ims.lists("/v3/images"), images)
        await self.jobs.ims.ask("DELETE", f"/v3/jobs/{job['id']}")
        await self.jobs.bed.emptied()

    async def check_image(self, id: str) -> None:
        """All that is in S3 is what it is said to be."""
        image = await self.jobs.ims.get(f"/v3/images/{id}")
        s3 = self.jobs.s3.client()

        def data(link: Mapping[str, str]) -> bytes:
            bucket, _, key = link["path"].removeprefix("s3://").partition("/")
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

        artifacts = json.loads(data(image["link"]))["artifacts"]
        contents = {one["type"].rpartition(".")[2]: data(one["link"]) for one in artifacts}
        md5s = [hashlib.md5(one).hexdigest() for one in contents.values()]
        self.assertEqual([one["md5"] for one in artifacts], md5s)
        self.assertEqual((contents["kernel"], contents["initrd"]), (b"kernel", b"initrd"))
        packed = Path(self.mktemp()).resolve()
        packed.write_bytes(contents["squashfs"])
        self.assertEqual(await run("unsquashfs", "-cat", packed, "etc/motd"), b"new")


class DeathTests(OnNode):
    """Pods that die by themselves make a job C{error}, with a reason, within a minute."""

    async def test_reasons(self) -> None:
        """By a site's templates, each of which makes pods that die another way."""
        folder = Path(self.mktemp()).resolve()
        greedy = 'case "$image_root_archive_name" in oom) tail /dev/zero;; *) sleep 1000;; esac'
        write_templates(folder / "customize", "customize", JOB_IMAGE, greedy)
        lost = "127.0.0.1:1/nowhere:1"
        write_templates(folder / "create/kiwi-ng", "create", lost, "true")
        write_templates(folder / "create/packer", "create", JOB_IMAGE, "true", "100000Gi")
        jobs = await self.begin(
            {"IMS_JOB_TEMPLATE_PATH": str(folder), "IMS_JOB_PENDING_TIMEOUT": "10"}
        )
        await jobs.prepare()
        for _ in range(4):
            self.node.add_volume()
        link = jobs.ims.put("other.tgz", b"recipe", "ims")
        packer = await jobs.ims.make(
            "/v3/recipes", name="x", recipe_type="packer", linux_distribution="sles15", link=link
        )

        async def dies(reason: str, *wanted: str, **members: str) -> None:
            job = await jobs.make(*wanted, **members)
            began = time.monotonic()
            ended = await jobs.until(job["id"], "error")
            took = time.monotonic() - began
            print(f"error after {took:.0f} s: {ended['status_reason']}")
            self.assertIn(reason, ended["status_reason"])
            self.assertLess(took, _NOTICED_SECONDS + (_DEADLINE if "Deadline" in reason else 0))

        await side_by_side(
            (
                dies(
                    "it needs more memory than its limit of 64Mi",
                    image_root_archive_name="oom",
                ),
                dies("its Job failed: DeadlineExceeded"),
                dies("ImagePull", "create"),
                dies("Insufficient memory", "create", artifact_id=packer["id"]),
            )
        )
        answer = await jobs.ims.ask("DELETE", "/v3/jobs")
        self.assertEqual(answer.status, 204, answer.text)
        await jobs.bed.emptied()


_DEADLINE = 5


def write_templates(
    folder: Path, job_type: str, image: str, command: str, memory: str = "64Mi"
) -> None:
    """A site's templates of a kind of jobs."""
    container = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", command],
        "resources": {"requests": {"memory": memory}, "limits": {"memory": memory}},
    }
    labels = {"app": f"ims-$id-{job_type}", "app.kubernetes.io/name": "ims-job"}
    pod = {"restartPolicy": "Never", "containers": [container]}
    job = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": _DEADLINE if job_type == "customize" else 1000,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "$pvc_gb"}}}
    service = {"selector": {"app": f"ims-$id-{job_type}"}, "ports": [{"port": 22}]}
    things: dict[str, dict[str, Any]] = {
        "configmap": {"kind": "ConfigMap", "data": {"public_key": "$public_key"}},
        "pvc": {"kind": "PersistentVolumeClaim", "spec": claim},
        "service": {"kind": "Service", "spec": service},
        "job": {"apiVersion": "batch/v1", "kind": "Job", "spec": job},
    }
    names = {"configmap": "configmap", "pvc": "job-claim", "service": "service", "job": job_type}
    folder.mkdir(parents=True)
    for word, thing in things.items():
        metadata = {"name": f"cray-ims-$id-{names[word]}", "namespace": "$namespace"}
        # JSON is YAML.
        text = json.dumps({"apiVersion": "v1", **thing, "metadata": metadata})
        (folder / f"image_{word}_{job_type}.yaml.template").write_text(text)
