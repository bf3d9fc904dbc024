"""Jobs of a cluster for tests, and a site's templates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from image_management.jobs.creation import NewJob, Source
from image_management.jobs.kubernetes.places import KubernetesSettings
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.schemas import make_record
from tests.image_management.jobs.samples import job_record
from tests.image_management.store.case import CREATED

SETTINGS = KubernetesSettings(
    namespace="ims",
    template_path=Path("/nowhere"),
    network="cmn.shasta.local",
    address_pool="customer-management",
    kata_runtime="kata-qemu",
    aarch64_runtime="kata-arm",
    heartbeats=12,
    boot_images_bucket="boot-images",
    s3_host="rgw-vip.nmn",
    api_gateway="api-gw.local",
    utils_image="localhost/ims-utils:1",
    builder_image="localhost/ims-builder:1",
    sshd_image="localhost/ims-sshd:1",
)

RECIPE = {
    "name": "recipe",
    "recipe_type": "kiwi-ng",
    "linux_distribution": "sles15",
    "template_dictionary": [{"key": "CSM", "value": "1.7"}, {"key": "q", "value": '"{{x}}"\n'}],
}


def cluster_job(recipe: dict[str, Any] | None = None, **members: Any) -> NewJob:
    """
    A job that can be begun, by default one that customizes.

    @param recipe: what is otherwise with the recipe of one that creates.
    """
    is_create = members.get("job_type") == "create"
    record = job_record(
        **{"ssh_containers": [] if is_create else [{"name": "customize"}]} | members
    )
    given = RECIPE | (recipe or {}) if is_create else {"name": "image"}
    kind = Kind.RECIPE if is_create else Kind.IMAGE
    artifact = make_record(kind, given, CREATED, record.document["artifact_id"])
    source = Source(Link("boot-images", "image/rootfs"), "d41d8cd98f00b204e9800998ecf8427e")
    return NewJob(record, source, "ssh-ed25519 AAAA me\n", artifact)


def on_node(job: NewJob, node: str) -> NewJob:
    """The same on a remote build node."""
    document = {**job.record.document, "remote_build_node": node}
    return replace(job, record=replace(job.record, document=document))
