"""What the places of templates are filled in with: what a job is, and what the site is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from image_management.jobs.creation import NewJob
from image_management.jobs.kubernetes.templates import Value
from image_management.records.words import Architecture, JobType

_SERVICE_ACCOUNT = "ims-service-job-mount"
"""The account of pods that may do what kernel modules need."""

_CAPABILITIES = ["SYS_ADMIN"]
"""What is needed to mount in an image's root what kernel modules are built with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How jobs are on this site's cluster."""

    namespace: str
    """Where jobs are."""
    template_path: Path
    """Where the site's own templates may be."""
    network: str
    """The domain of the names by which jobs are reached from outside, with its subnet."""
    address_pool: str
    kata_runtime: str
    aarch64_runtime: str
    heartbeats: int
    """Those that a job on a remote build node may miss."""
    boot_images_bucket: str
    s3_host: str
    api_gateway: str | None
    utils_image: str | None
    """This and the next two are of containers where the site has no templates."""
    builder_image: str | None
    sshd_image: str | None
    pending_seconds: float = 1800.0
    """For which a job may stand still before it works."""
    reap_cray: bool = False
    """Whether what Cray's service has left is deleted, too."""
    has_replicas: bool = False
    """Whether other processes have the same records."""


BUILT_IN_PLACES = frozenset(
    {"api_gateway_hostname", "ims_utils_image", "ims_builder_image", "ims_sshd_image"}
)
"""The names of places that only templates of our own have."""

_NAMES = """
    id namespace size_gb limit_gb pvc_gb job_mem_size job_mem_limit download_url download_md5sum
    public_key enable_debug ssh_jail image_root_archive_name kernel_filename initrd_filename
    kernel_parameters_filename address_pool hostname s3_bucket s3_host job_enable_dkms
    runtime_class service_account security_privilege security_capabilities security_capabilites
    job_arch remote_build_node remote_heartbeat_timeout_count
"""

PLACES = frozenset(_NAMES.split())
"""The names of places of any job.  One is there in the spelling of Cray's chart, too."""

CREATE_PLACES = frozenset({"template_dictionary", "recipe_type"})
"""The names of places of jobs that create an image."""


def places_of(job_type: JobType) -> frozenset[str]:
    """The names of places of a kind of jobs."""
    return PLACES | CREATE_PLACES if job_type is JobType.CREATE else PLACES


def external_name(id: str, settings: KubernetesSettings) -> str:
    """The name by which a job is reached from outside the cluster."""
    return f"{id}.ims.{settings.network}"


def values_of(
    job: NewJob, settings: KubernetesSettings, url: str, public_keys: str
) -> Mapping[str, Value]:
    """
    What a job's places are filled in with.

    @param url: by which it gets what it begins with.
    @param public_keys: of all who may log in.
    """
    document = job.record.document
    id, size, memory = job.record.id, document["build_env_size"], document["job_mem_size"]
    needs_modules: bool = document["require_dkms"]
    containers = document["ssh_containers"]
    capabilities: Value = _CAPABILITIES if needs_modules else None
    values: dict[str, Value] = {
        "id": id,
        "namespace": settings.namespace,
        "size_gb": f"{size}Gi",
        "limit_gb": f"{3 * size}Gi",
        "pvc_gb": f"{5 * size}Gi",
        "job_mem_size": f"{memory}Gi",
        "job_mem_limit": f"{5 * memory}Gi",
        "download_url": url,
        "download_md5sum": job.source.md5,
        "public_key": public_keys,
        "enable_debug": document["enable_debug"],
        "ssh_jail": bool(containers and containers[0]["jail"]),
        "image_root_archive_name": document["image_root_archive_name"],
        "kernel_filename": document["kernel_file_name"],
        "initrd_filename": document["initrd_file_name"],
        "kernel_parameters_filename": document["kernel_parameters_file_name"],
        "address_pool": settings.address_pool,
        "hostname": external_name(id, settings),
        "s3_bucket": settings.boot_images_bucket,
        "s3_host": settings.s3_host,
        "job_enable_dkms": needs_modules,
        "runtime_class": _runtime_class(job, settings),
        "service_account": _SERVICE_ACCOUNT if needs_modules else None,
        "security_privilege": True if needs_modules else None,
        "security_capabilities": capabilities,
        "security_capabilites": capabilities,
        "job_arch": document["arch"],
        "remote_build_node": document["remote_build_node"] or None,
        "remote_heartbeat_timeout_count": str(settings.heartbeats),
        "api_gateway_hostname": settings.api_gateway,
        "ims_utils_image": settings.utils_image,
        "ims_builder_image": settings.builder_image,
        "ims_sshd_image": settings.sshd_image,
    }
    if document["job_type"] == JobType.CREATE:
        recipe = job.artifact.document
        pairs = {one["key"]: one["value"] for one in recipe["template_dictionary"]}
        values["template_dictionary"] = msgspec.json.encode(pairs).decode()
        values["recipe_type"] = recipe["recipe_type"]
    return values


def _runtime_class(job: NewJob, settings: KubernetesSettings) -> str | None:
    """What runs the pod's containers; C{None}: what the node runs them by."""
    document = job.record.document
    if document["remote_build_node"]:
        return None
    if document["arch"] == Architecture.AARCH64:
        return settings.aarch64_runtime
    if not document["require_dkms"]:
        return None
    return settings.kata_runtime if "kata" in settings.kata_runtime else "kata-qemu"
