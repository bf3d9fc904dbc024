"""
Records as they are shown and stored: all members, in their order, with what stands where nothing is
known.

Reading one is tolerant: what is missing or null gets its default, and what is unknown goes, as
records that other releases, and Cray's service, have written need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load

from image_management.records import nested
from image_management.records.fields import (
    Boolean,
    Identifier,
    Integer,
    Metadata,
    Text,
    Timestamp,
)
from image_management.records.inputs import (
    architecture,
    distribution,
    require_dkms,
    template_dictionary,
    word,
)
from image_management.records.links import LINK_TYPE
from image_management.records.words import (
    Architecture,
    ContainerStatus,
    JobStatus,
    JobType,
    RecipeType,
)

UNKNOWN_TIME = "1970-01-01T00:00:00+00:00"
"""When something was made of which nobody knows it."""


class Document(Schema):
    """An object of a record."""

    class Meta:
        """What nobody knows goes."""

        unknown = EXCLUDE

    @pre_load
    def _without_nulls(self, given: Any, **_: Any) -> Any:
        """What is null is not known."""
        if not isinstance(given, Mapping):
            return given
        return {name: value for name, value in given.items() if value is not None}


def _text(meaning: str, **options: Any) -> Text:
    return Text(metadata={"description": meaning}, **options)


class Link(nested.LinkInput, Document):
    """Where an artifact is."""

    type = _text("Where the artifact is kept.", load_default=LINK_TYPE)


def _nothing_yet(meaning: str) -> Text:
    """A text, or null until it is known."""
    return _text(meaning, load_default=None, allow_none=True)


def _id(meaning: str, **options: Any) -> Identifier:
    return Identifier(metadata={"description": meaning}, **options)


def _time(meaning: str) -> Timestamp:
    return Timestamp(
        load_default=UNKNOWN_TIME, metadata={"description": meaning, "format": "date-time"}
    )


class _Identified(Document):
    id = _id("Its UUID.", required=True)
    created = _time("When it was made.")


def _link() -> fields.Nested:
    return fields.Nested(
        Link,
        load_default=None,
        allow_none=True,
        metadata={"description": "Where its artifact is in S3; null until it is set."},
    )


class _Linked(_Identified):
    @pre_load
    def _no_link(self, given: Any, **_: Any) -> Any:
        """Cray's service has written C{false} where there is none."""
        if isinstance(given, Mapping) and given.get("link") in (False, {}, ""):
            return {**given, "link": None}
        return given


class PublicKey(_Identified):
    """SSH public keys by whose halves one may log in to jobs."""

    name = _text("What it is called.", required=True)
    public_key = _text("The keys, one a line.", required=True)


class Recipe(_Linked):
    """What an image is built from: an archive of a description."""

    name = _text("What it is called.", required=True)
    recipe_type = word(
        RecipeType, "Recipe type", "What builds images from it.", load_default="kiwi-ng"
    )
    linux_distribution = distribution(required=True)
    link = _link()
    template_dictionary = template_dictionary(load_default=list)
    require_dkms = require_dkms(load_default=True)
    arch = architecture(load_default=Architecture.X86_64.value)


class Image(_Linked):
    """A root file system and what boots it, listed by a manifest in S3."""

    name = _text("What it is called; several may have one name.", required=True)
    link = _link()
    arch = architecture(load_default=Architecture.X86_64.value)
    metadata = Metadata(load_default=dict, metadata={"description": "Texts by their names."})


class RemoteBuildNode(Document):
    """A machine that works on jobs for processors of its own kind."""

    xname = _text("The node, which is the host of this name, too.", required=True)


class Endpoint(Document):
    """Where something listens."""

    host = _text("A name or an address.", load_default="")
    port = Integer(load_default=22, metadata={"description": "A TCP port."})


class SshContainer(Document):
    """What somebody who customises an image logs in to."""

    name = _text("What it is called.", required=True)
    jail = Boolean(
        load_default=False,
        metadata={"description": "Whether a session sees the image's root as its own."},
    )
    status = word(
        ContainerStatus,
        "Status",
        "Whether one can log in: while it is active.",
        load_default=ContainerStatus.PENDING.value,
    )
    connection_info = fields.Dict(
        keys=Text(),
        values=fields.Nested(Endpoint),
        load_default=dict,
        metadata={
            "description": "Where to log in: customer_access from outside, cluster.local from"
            " within the cluster."
        },
    )

    @pre_load
    def _one_endpoint(self, given: Any, **_: Any) -> Any:
        """Older releases of Cray's service knew one place only."""
        if isinstance(given, Mapping) and given.get("host") and not given.get("connection_info"):
            place = {"host": given["host"], "port": given.get("port")}
            return {**given, "connection_info": {"customer_access": place}}
        return given


class Job(_Identified):
    """A build of an image from a recipe, or a change of an image by somebody."""

    job_type = word(JobType, "Job type", "What it does.", required=True)
    status = word(JobStatus, "Job status", "How far it is.", load_default=JobStatus.CREATING.value)
    status_reason = _text("Why it has come to that; empty while all is well.", load_default="")
    artifact_id = _id("The recipe that is built, or the image that is customized.", required=True)
    public_key_id = _id("Whose keys may log in.", load_default=None, allow_none=True)
    image_root_archive_name = _text("What the image that comes of it is called.", load_default="")
    resultant_image_id = _id(
        "The image that came of it; null until it is there.", load_default=None, allow_none=True
    )
    arch = architecture(load_default=Architecture.X86_64.value)
    enable_debug = Boolean(
        load_default=False,
        metadata={"description": "Whether a build that failed waits for somebody to look."},
    )
    require_dkms = require_dkms(load_default=False)
    build_env_size = Integer(load_default=60, metadata={"description": "GiB of storage."})
    job_mem_size = Integer(load_default=8, metadata={"description": "GiB of memory."})
    kernel_file_name = _text("The kernel's file in /boot.", load_default="vmlinuz")
    initrd_file_name = _text("The initrd's file in /boot.", load_default="initrd")
    kernel_parameters_file_name = _text(
        "The file in /boot with the kernel's parameters.", load_default="kernel-parameters"
    )
    ssh_containers = fields.List(
        fields.Nested(SshContainer),
        load_default=list,
        metadata={"description": "What to log in to."},
    )
    remote_build_node = _text(
        "The machine that works on it; empty: one of the cluster.", load_default=""
    )
    kubernetes_job = _nothing_yet("The Kubernetes Job that does it.")
    kubernetes_service = _nothing_yet("The Kubernetes Service that leads to it.")
    kubernetes_configmap = _nothing_yet("The Kubernetes ConfigMap with its keys.")
    kubernetes_pvc = _nothing_yet("The Kubernetes PersistentVolumeClaim that it works in.")
    kubernetes_secret = _nothing_yet("The Kubernetes Secret with its signing keys.")
    kubernetes_namespace = _nothing_yet("Where these are.")
    backend = _text(
        "What does it: local, or kubernetes; empty: another service did.", load_default=""
    )


class DeletedAt(Document):
    """What a record has besides once it was deleted."""

    deleted = _time("When it was deleted.")


class RemoteBuildNodeStatus(Document):
    """What a remote build node says of itself."""

    xname = _text("The node.")
    ssh_status = _text("Whether one can log in to it, or why not.", data_key="sshStatus")
    podman_status = _text("Whether podman is there, or why not.", data_key="podmanStatus")
    node_arch = _text("The processors that it has; Unknown.", data_key="nodeArch")
    num_current_jobs = Integer(
        data_key="numCurrentJobs",
        metadata={"description": "The jobs that it works on; -1: nobody knows."},
    )
    able_to_run_jobs = Boolean(
        data_key="ableToRunJobs", metadata={"description": "Whether jobs may go to it."}
    )
