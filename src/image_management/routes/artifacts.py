"""An image's artifacts, streamed out of S3 to the machines that boot of them."""

from __future__ import annotations

from cachetools import LRUCache

from httpd.concurrency.slots import ClientSlots, Slots
from httpd.http1.connections import Connections
from httpd.representation.segments import FileSegment, Representation
from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content
from httpd.web.streamed import Streamed
from image_management.images.manifests import (
    ARTIFACT_NAMES,
    BadManifest,
    Manifest,
    read_manifest,
)
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.routes.problems import problem_of
from image_management.s3.errors import ObjectMissing, ObjectTooLarge
from image_management.s3.objects import ObjectFacts, ObjectStore
from image_management.store.store import Store

_MOST_MANIFESTS = 64
"""Manifests that are remembered: machines boot of few images at a time, piece by piece."""


class Artifacts:
    """Finds the artifacts of images."""

    def __init__(self, store: Store, objects: ObjectStore, longest_manifest: int) -> None:
        """
        @param longest_manifest: bytes that a manifest has fewer than.
        """
        self._store = store
        self._objects = objects
        self._longest_manifest = longest_manifest
        self._manifests: LRUCache[tuple[str, str], Manifest] = LRUCache(_MOST_MANIFESTS)

    async def find(self, image: str, name: str) -> tuple[Link, ObjectFacts]:
        """
        Where an artifact is, and what S3 says of it now.

        @raise Problem: 404, the image has none of that name, or it is not in S3.
        @raise NotFound: there is no such image.
        @raise S3Error: nobody knows.
        """
        record = await self._store.get(Kind.IMAGE, image)
        if record.link is None:
            raise Problem(404, f"image {record.id} has no link yet, and so no artifacts")
        try:
            artifact = (await self._manifest(record.link)).named(name)
            if artifact is None:
                raise Problem(404, f"image {record.id} has no {name}")
            return artifact.link, await self._objects.head(artifact.link)
        except ObjectMissing as error:
            raise Problem(404, f"the {name} of image {record.id} is not in S3: {error}") from None

    def representation(self, link: Link, facts: ObjectFacts) -> Representation:
        """The bytes of an object, for one answer."""
        return Representation.of(FileSegment(self._objects.source(link, facts), 0, facts.size))

    async def _manifest(self, link: Link) -> Manifest:
        """A manifest; its object is not written again under the same etag."""
        etag = link.etag or (await self._objects.head(link)).etag
        manifest = self._manifests.get((link.path, etag))
        if manifest is None:
            manifest = await self._read(link)
            self._manifests[link.path, etag] = manifest
        return manifest

    async def _read(self, link: Link) -> Manifest:
        try:
            return read_manifest(await self._objects.read(link, self._longest_manifest - 1))
        except ObjectTooLarge:
            raise Problem(502, f"the manifest {link.path} is too large") from None
        except BadManifest as error:
            raise Problem(502, f"the manifest {link.path} is not good: {error}") from None


class ArtifactResource(Streamed[tuple[str, str]]):
    """C{/v3/images/:id/artifacts/:name}."""

    def __init__(
        self,
        artifacts: Artifacts,
        slots: Slots,
        connections: Connections,
        client_slots: ClientSlots | None,
    ) -> None:
        super().__init__(slots, connections, client_slots)
        self._artifacts = artifacts

    def find(self, request: ServiceRequest) -> tuple[str, str]:
        """The image's id and the artifact's name."""
        id, name = request.path_values
        if name not in ARTIFACT_NAMES:
            expected = ", ".join(ARTIFACT_NAMES)
            raise Problem(404, f"there is no artifact {quoted(name)}; expected one of {expected}")
        return id, name

    async def fetch(self, found: tuple[str, str], request: ServiceRequest) -> Content:
        """Look at the object as it is now."""
        id, name = found
        link, facts = await self._artifacts.find(id, name)
        request.facts["record"] = id
        return Content(
            self._artifacts.representation(link, facts),
            content_type="application/octet-stream",
            filename=name,
            cache_control="no-cache",
            last_modified=facts.last_modified,
        )

    def problem_of(self, error: Exception) -> Problem | None:
        """What a client is told of an error of the records, their store, or S3."""
        return problem_of(error)
