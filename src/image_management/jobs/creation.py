"""
What a new job needs: everything that can be found out before anything is made.

The checks have an order, and the first that fails is the one that the client is told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.logger import Logger

from httpd.web.problems import Problem
from image_management.images.manifests import (
    Artifact,
    BadManifest,
    check_manifest,
    read_manifest,
)
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.public_keys import BadPublicKey, check_public_keys
from image_management.records.record import Record
from image_management.records.schemas import make_record
from image_management.records.words import Architecture, JobType
from image_management.s3.errors import ObjectMissing, ObjectTooLarge
from image_management.s3.objects import ObjectFacts, ObjectStore
from image_management.store.errors import NotFound
from image_management.store.store import Store

_KERNELS = {Architecture.X86_64: "vmlinuz", Architecture.AARCH64: "Image"}
"""What the kernel's file is called in /boot."""


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What a job has that is not said."""

    build_env_size: int
    """GiB."""
    job_mem_size: int
    """GiB."""
    enable_dkms: bool
    """Whether images are customised with kernel modules."""
    longest_manifest: int
    """Bytes that an image's manifest has fewer than."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a job begins with."""

    link: Link
    """The recipe's archive, or the image's root file system."""
    md5: str | None
    """Its MD5 in hexadecimal; C{None}: nobody knows it."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that can be made."""

    record: Record
    source: Source
    public_key: str = field(repr=False)
    """Who may log in: a copy, since the key's record may go."""
    artifact: Record = field(repr=False)
    """The recipe or the image."""


class JobCreation:
    """Finds out what new jobs need."""

    _log = Logger()

    def __init__(self, store: Store, objects: ObjectStore, defaults: JobDefaults) -> None:
        self._store = store
        self._objects = objects
        self._defaults = defaults

    async def prepare(self, members: Mapping[str, Any], created: str) -> NewJob:
        """
        All that a job needs.

        @param members: what the client wants
            (L{read_input<image_management.records.schemas.read_input>}).
        @param created: the time now.
        @raise Problem: it cannot be made of what was sent (400), or what it begins with is not in
            S3 (422).
        @raise S3Error: nobody knows whether it is.
        """
        job_type = JobType(members["job_type"])
        containers = _containers(job_type, members)
        artifact = await self._artifact(job_type, members["artifact_id"])
        source = await self._source(job_type, artifact)
        arch = Architecture(artifact.document["arch"])
        chosen = {
            "arch": arch.value,
            "ssh_containers": containers,
            "kernel_file_name": _kernel(arch, members.get("kernel_file_name", "")),
            "require_dkms": self._dkms(arch, members, artifact),
        }
        sizes = {
            "build_env_size": self._defaults.build_env_size,
            "job_mem_size": self._defaults.job_mem_size,
        }
        public_key = await self._public_key(members["public_key_id"])
        record = make_record(Kind.JOB, {**sizes, **members, **chosen}, created)
        if source.md5 is None:
            self._log.warn(
                "nobody knows the MD5 of {path}: job {job} will not check it",
                path=source.link.path,
                job=record.id,
            )
        return NewJob(record, source, public_key, artifact)

    async def _artifact(self, job_type: JobType, id: str) -> Record:
        kind = Kind.RECIPE if job_type is JobType.CREATE else Kind.IMAGE
        try:
            return await self._store.get(kind, id)
        except NotFound:
            raise _bad(f"artifact_id: there is no {kind.noun} {id}") from None

    async def _source(self, job_type: JobType, artifact: Record) -> Source:
        """What is worked on, which is there."""
        link = artifact.link
        if link is None:
            raise _bad(f"artifact_id: {artifact.kind.noun} {artifact.id} has no link")
        facts = await self._head(link)
        if job_type is JobType.CREATE:
            return Source(link, facts.metadata.get("md5sum"))
        root = await self._root_file_system(link)
        facts = await self._head(root.link)
        return Source(root.link, facts.metadata.get("md5sum") or root.members.get("md5"))

    async def _root_file_system(self, link: Link) -> Artifact:
        """The one that an image's manifest names."""
        most = self._defaults.longest_manifest
        try:
            manifest = read_manifest(await self._objects.read(link, most - 1))
            check_manifest(manifest)
        except ObjectTooLarge:
            raise _bad(
                f"artifact_id: {link.path} is too large; expected below {most} bytes"
            ) from None
        except BadManifest as error:
            raise _bad(f"artifact_id: the manifest {link.path} is not good: {error}") from None
        roots = manifest.root_file_systems
        if len(roots) != 1:
            shown = f"{len(roots)} root file systems" if roots else "no root file system"
            raise _bad(f"artifact_id: the manifest {link.path} names {shown}; expected one")
        return roots[0]

    async def _head(self, link: Link) -> ObjectFacts:
        try:
            return await self._objects.head(link)
        except ObjectMissing:
            raise Problem(422, f"artifact_id: there is no object {link.path}") from None

    def _dkms(self, arch: Architecture, members: Mapping[str, Any], artifact: Record) -> bool:
        if arch is Architecture.AARCH64:
            return True
        default = artifact.document.get("require_dkms", self._defaults.enable_dkms)
        return bool(members.get("require_dkms", default))

    async def _public_key(self, id: str) -> str:
        try:
            record = await self._store.get(Kind.PUBLIC_KEY, id)
        except NotFound:
            raise _bad(f"public_key_id: there is no public key {id}") from None
        text: str = record.document["public_key"]
        try:
            check_public_keys(text)
        except BadPublicKey as error:
            raise _bad(f"public_key_id: public key {id} cannot be used: {error}") from None
        return text


def _containers(job_type: JobType, members: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What somebody logs in to."""
    given = members.get("ssh_containers") or []
    if job_type is JobType.CREATE:
        if given:
            raise _bad("ssh_containers: a job that creates an image has none")
        return [{"name": "debug", "jail": False}] if members.get("enable_debug") else []
    if len(given) > 1:
        raise _bad(f"ssh_containers: there are {len(given)}; expected one at most")
    return given or [{"name": "customize", "jail": False}]


def _kernel(arch: Architecture, given: str) -> str:
    """The kernel's file; command lines send the usual name of x86_64 for any."""
    usual = _KERNELS[arch]
    return usual if given in {"", _KERNELS[Architecture.X86_64]} else given


def _bad(text: str) -> Problem:
    return Problem(400, text)
