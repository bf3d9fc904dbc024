"""The objects of jobs, of this service's own templates and of a site's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.creation import NewJob
from image_management.jobs.kubernetes.objects import (
    JobObjects,
    names_of,
    objects_of,
    secret_copy,
)
from image_management.jobs.kubernetes.places import (
    BUILT_IN_PLACES,
    CREATE_PLACES,
    PLACES,
    values_of,
)
from image_management.jobs.kubernetes.resources import (
    CLAIM,
    CONFIG_MAP,
    DESTINATION_RULE,
    JOB,
    SERVICE,
)
from image_management.jobs.kubernetes.template_sets import VARIANTS, template_sets
from image_management.records.record import Record
from image_management.records.words import JobType, RecipeType
from tests.image_management.jobs.kubernetes.samples import SETTINGS, cluster_job, on_node

URL = "https://s3/boot-images/image/rootfs?X-Amz-Signature=%2B%27%24"
KEYS = "ssh-ed25519 AAAA me\nssh-ed25519 BBBB image-management\n"
BUILT_IN = template_sets(Path("/nowhere"))


def made(job: NewJob, sets: Any = BUILT_IN, **changes: Any) -> JobObjects:
    """The objects of a job."""
    job_type = JobType(job.record.document["job_type"])
    recipe = job.artifact.document.get("recipe_type")
    values = {**values_of(job, SETTINGS, URL, KEYS), **changes}
    variant = job_type, None if recipe is None else RecipeType(recipe)
    return objects_of(job.record.id, "ims", sets[variant], values)


def pod_of(objects: JobObjects) -> Any:
    return objects.by_resource[JOB]["spec"]["template"]["spec"]


def containers_of(objects: JobObjects) -> dict[str, Any]:
    pod = pod_of(objects)
    return {one["name"]: one for one in [*pod["initContainers"], *pod["containers"]]}


def environment_of(container: Mapping[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


class BuiltInTests(SynchronousTestCase):
    """The table of the objects."""

    def test_customize(self) -> None:
        job = cluster_job(build_env_size=15, job_mem_size=2, require_dkms=True)
        id, objects = job.record.id, made(job)
        self.assertEqual(
            [*objects.by_resource], [CONFIG_MAP, CLAIM, SERVICE, DESTINATION_RULE, JOB]
        )
        labels = {"app.kubernetes.io/managed-by": "image-management", "ims-job-id": id}
        for resource, thing in objects.by_resource.items():
            self.assertEqual(thing["kind"], resource.kind)
            self.assertEqual(thing["metadata"]["namespace"], "ims")
            self.assertLessEqual(labels.items(), thing["metadata"]["labels"].items())
        config_map, claim, service, rule, made_job = objects.by_resource.values()
        self.assertEqual(config_map["metadata"]["name"], f"cray-ims-{id}-configmap")
        self.assertEqual(config_map["data"], {"public_key": KEYS})
        self.assertEqual(claim["metadata"]["name"], f"cray-ims-{id}-job-claim")
        self.assertEqual(
            claim["spec"],
            {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "75Gi"}},
            },
        )
        self.assertEqual(service["metadata"]["name"], f"cray-ims-{id}-service")
        self.assertEqual(
            service["metadata"]["annotations"],
            {
                "external-dns.alpha.kubernetes.io/hostname": f"{id}.ims.cmn.shasta.local",
                "metallb.universe.tf/address-pool": "customer-management",
            },
        )
        self.assertEqual(service["spec"]["type"], "LoadBalancer")
        self.assertEqual(service["spec"]["selector"], {"app": f"ims-{id}-customize"})
        self.assertEqual([one["port"] for one in service["spec"]["ports"]], [22])
        self.assertEqual(rule["metadata"]["name"], f"cray-ims-{id}-service")
        self.assertEqual(rule["apiVersion"], "networking.istio.io/v1beta1")
        self.assertEqual(
            rule["spec"],
            {
                "host": f"cray-ims-{id}-service.ims.svc.cluster.local",
                "trafficPolicy": {"tls": {"mode": "DISABLE"}},
            },
        )
        self.assertEqual(made_job["metadata"]["name"], f"cray-ims-{id}-customize")
        self.assertEqual(made_job["spec"]["backoffLimit"], 0)
        pod_labels = made_job["spec"]["template"]["metadata"]["labels"]
        wanted = {"app": f"ims-{id}-customize", "app.kubernetes.io/name": "ims-job", **labels}
        self.assertEqual(pod_labels, wanted)
        pod = pod_of(objects)
        self.assertEqual(pod["restartPolicy"], "Never")
        self.assertIn("app.kubernetes.io/name", json.dumps(pod["affinity"]["podAntiAffinity"]))
        for container in containers_of(objects).values():
            resources = container["resources"]
            self.assertEqual(resources["requests"]["memory"], "2Gi")
            self.assertEqual(resources["limits"]["memory"], "10Gi")
        self.assertEqual(
            objects.members(id, SETTINGS),
            {
                "kubernetes_job": f"cray-ims-{id}-customize",
                "kubernetes_configmap": f"cray-ims-{id}-configmap",
                "kubernetes_pvc": f"cray-ims-{id}-job-claim",
                "kubernetes_service": f"cray-ims-{id}-service",
                "kubernetes_secret": f"cray-ims-{id}-signing-keys",
                "kubernetes_namespace": "ims",
            },
        )
        self.assertEqual(
            objects.places(id, SETTINGS),
            {
                "customer_access": {"host": f"{id}.ims.cmn.shasta.local", "port": 22},
                "cluster.local": {
                    "host": f"cray-ims-{id}-service.ims.svc.cluster.local",
                    "port": 22,
                },
            },
        )

    def test_what_containers_are_told(self) -> None:
        job = cluster_job(ssh_containers=[{"name": "mine", "jail": True}], require_dkms=True)
        containers = containers_of(made(job))
        self.assertEqual([*containers], ["prepare", "buildenv-sidecar", "sshd"])
        self.assertEqual(
            containers["prepare"]["command"],
            ["sh", "-ce", f'/scripts/prep-env.sh /mnt/image "{URL}"'],
        )
        prepare = environment_of(containers["prepare"])
        self.assertEqual(prepare["DOWNLOAD_MD5SUM"], job.source.md5)
        expected = {
            "API_GATEWAY_HOSTNAME": "api-gw.local",
            "IMS_JOB_ID": job.record.id,
            "BUILD_ARCH": "x86_64",
            "ENABLE_DEBUG": "False",
            "JOB_ENABLE_DKMS": "True",
            "SSH_JAIL": "True",
            "REMOTE_BUILD_NODE": "",
            "REMOTE_HEARTBEAT_TIMEOUT_COUNT": "12",
            "IMS_ACTION": "customize",
            "SERVICE_NAME": f"cray-ims-{job.record.id}-service",
            "IMAGE_ROOT_ARCHIVE_NAME": "new",
            "KERNEL_FILENAME": "vmlinuz",
            "INITRD_FILENAME": "initrd",
            "KERNEL_PARAMETERS_FILENAME": "kernel-parameters",
            "S3_BUCKET": "boot-images",
            "S3_HOST": "rgw-vip.nmn",
        }
        sidecar = environment_of(containers["buildenv-sidecar"])
        self.assertLessEqual(expected.items(), sidecar.items())
        for container in containers.values():
            for value in environment_of(container).values():
                self.assertIsInstance(value, str)

    def test_create(self) -> None:
        job = cluster_job(job_type="create", enable_debug=True)
        objects = made(job)
        data = objects.by_resource[CONFIG_MAP]["data"]
        self.assertEqual(json.loads(data["template_dictionary"]), {"CSM": "1.7", "q": '"{{x}}"\n'})
        self.assertEqual(
            objects.by_resource[SERVICE]["spec"]["selector"], {"app": f"ims-{job.record.id}-create"}
        )
        containers = containers_of(objects)
        stages = ["fetch-recipe", "wait-for-repos", "build-ca-rpm", "build-image"]
        self.assertEqual([*containers], [*stages, "buildenv-sidecar", "sshd"])
        self.assertEqual(containers["build-image"]["image"], "localhost/ims-builder:1")
        self.assertEqual(containers["sshd"]["image"], "localhost/ims-sshd:1")
        self.assertEqual(environment_of(containers["sshd"])["ENABLE_DEBUG"], "True")
        packer = containers_of(made(cluster_job({"recipe_type": "packer"}, job_type="create")))
        self.assertEqual([*packer], ["fetch-recipe", "build-image", "buildenv-sidecar", "sshd"])

    def test_kernel_modules(self) -> None:
        """Run-time class, account and privilege; absent means that the key is."""

        def of(job: NewJob) -> tuple[Any, ...]:
            objects = made(job)
            pod, sshd = pod_of(objects), containers_of(objects)["sshd"]
            context = sshd["securityContext"]
            return (
                pod.get("runtimeClassName"),
                pod.get("serviceAccountName"),
                context.get("privileged"),
                context["capabilities"].get("add"),
            )

        plain, modules = cluster_job(require_dkms=False), cluster_job(require_dkms=True)
        arm = cluster_job(require_dkms=True, arch="aarch64")
        may = ("ims-service-job-mount", True, ["SYS_ADMIN"])
        self.assertEqual(of(plain), (None, None, None, None))
        self.assertEqual(of(modules), ("kata-qemu", *may))
        self.assertEqual(of(arm), ("kata-arm", *may))
        self.assertEqual(of(on_node(arm, "x1000c0s0b0n0")), (None, *may))
        self.assertEqual(of(on_node(modules, "x1000c0s0b0n0")), (None, *may))
        told = environment_of(containers_of(made(on_node(arm, "x1000c0s0b0n0")))["sshd"])
        self.assertEqual(told["REMOTE_BUILD_NODE"], "x1000c0s0b0n0")

    def test_secret(self) -> None:
        """The pod waits for its copy, where it is to have one."""
        for job in (cluster_job(), cluster_job(job_type="create")):
            name = f"cray-ims-{job.record.id}-signing-keys"
            secret = {"secretName": name}
            with_it = made(job)
            without = with_it.without_secret(job.record.id)
            [volume] = [one for one in pod_of(with_it)["volumes"] if one["name"] == "signing-keys"]
            self.assertEqual(volume["secret"], secret)
            [volume] = [one for one in pod_of(without)["volumes"] if one["name"] == "signing-keys"]
            self.assertEqual(volume["secret"], secret | {"optional": True})
            self.assertEqual(
                [one["name"] for one in pod_of(with_it)["volumes"]],
                [one["name"] for one in pod_of(without)["volumes"]],
            )

    def test_secret_copy(self) -> None:
        original = {
            "kind": "Secret",
            "metadata": {"name": "hpe-signing-key", "uid": "u", "resourceVersion": "5"},
            "type": "Opaque",
            "data": {"key": "a2V5"},
        }
        copy = secret_copy(original, "id", "ims")
        self.assertEqual((copy["type"], copy["data"]), ("Opaque", {"key": "a2V5"}))
        self.assertEqual({*copy["metadata"]}, {"name", "namespace", "labels"})

    def test_names(self) -> None:
        """What a record says is what there is to delete; the Job comes first."""
        job = cluster_job()
        members = made(job).members(job.record.id, SETTINGS)

        def kinds(**changes: Any) -> list[str]:
            record = Record(job.record.kind, job.record.id, {**members, **changes})
            return [resource.kind for resource, _ in names_of(record)]

        self.assertEqual(
            kinds(),
            [
                "Job",
                "ConfigMap",
                "Secret",
                "PersistentVolumeClaim",
                "Service",
                "DestinationRule",
            ],
        )
        self.assertNotIn("Secret", kinds(kubernetes_secret=None))
        self.assertEqual(kinds(**dict.fromkeys(members)), [])

    def test_all_places_have_values(self) -> None:
        customize = values_of(cluster_job(), SETTINGS, URL, KEYS)
        create = values_of(cluster_job(job_type="create"), SETTINGS, URL, KEYS)
        self.assertEqual({*customize}, PLACES | BUILT_IN_PLACES)
        self.assertEqual({*create}, PLACES | BUILT_IN_PLACES | CREATE_PLACES)
        self.assertEqual({*BUILT_IN}, {*VARIANTS})
