"""
Container registries, by the Registry API v2 (OCI distribution specification): manifests and blobs,
through mirrors, all verified.

Not by a client library in a thread: those that there are keep whole layers on disk or in memory,
cannot be cancelled, and would bring other proxies, other trust and other errors than
L{OutboundAgent<httpd.outbound.agent.OutboundAgent>} has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IResponse

from assisted_images.downloads.parts import NoSpace
from assisted_images.oci.digests import DigestMismatch, Hash
from assisted_images.oci.errors import PayloadError
from assisted_images.oci.manifests import (
    ACCEPTED,
    MOST_BYTES,
    Descriptor,
    Index,
    Manifest,
    parse,
)
from assisted_images.oci.mirrors import Blocked, Mirrors, Place
from assisted_images.oci.references import PullSpec
from assisted_images.registries.blobs import Blob, BlobInMemory
from assisted_images.registries.requests import Missing, RegistryRequests
from httpd.concurrency.threads import RunInThread
from httpd.outbound.arrival import ArrivingBody
from httpd.outbound.bodies import content_range, discard, field_texts
from httpd.outbound.failures import DownloadError
from httpd.outbound.redirects import read_small

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """
    An image in a registry, of one architecture.

    @ivar spec: what was asked for.
    @ivar digest: of what C{spec} denotes: of the index, where there is one.
    @ivar place: where its manifest was, and its blobs should be.
    @ivar chosen: whether an index said that it is for that architecture.
    """

    spec: PullSpec
    digest: str
    manifest: Manifest
    place: Place
    chosen: bool


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """
    What a pull spec denotes, verified.

    @ivar digest: of the manifest's or index's bytes.
    @ivar place: where it was.
    """

    digest: str
    manifest: Manifest | Index
    place: Place


@dataclass(frozen=True, slots=True)
class Registries:
    """
    All registries, as one source of images.

    @ivar stall_seconds: how long a registry may send nothing.
    @ivar arrived: told how many bytes of a blob are there, each time that some have come.
    """

    requests: RegistryRequests
    mirrors: Mirrors
    clock: IReactorTime
    run_in_thread: RunInThread
    stall_seconds: float = 60.0
    arrived: Callable[[Descriptor, int], None] = lambda blob, size: None

    async def manifest(self, spec: PullSpec) -> FetchedManifest:
        """
        What C{spec} denotes, from the first place that has it.

        @raise DownloadError: no place has; the text has each one's reason.
        """
        return await self._somewhere(str(spec), self._places(spec), self._manifest_at)

    async def blob(
        self,
        image: ContainerImage,
        descriptor: Descriptor,
        blob: Blob,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Bring C{blob} to its end, from whatever it has of it already, and verify it.  What one
        place has begun the next one goes on with; when the whole is wrong then, which of them sent
        wrong bytes is not known, and the last one is asked for all.

        @param progressed: called each time that something has been appended.
        @raise DownloadError: no place has it whole; the text has each one's reason.  What has
            arrived stays, unless its digest is wrong.
        @raise OSError: the disk is full or broken.
        """
        # First where the manifest was.
        places = sorted(
            self._places(image.spec), key=lambda place: place.spec.name != image.place.spec.name
        )
        what = f"{descriptor.digest} of {image.spec.name}"

        async def from_place(place: Place) -> None:
            begun = blob.size
            try:
                await self._complete(place, descriptor, blob, progressed)
            except DigestMismatch:
                if not begun:
                    raise
                await self._complete(place, descriptor, blob, progressed)

        await self._somewhere(what, places, from_place)

    async def small_blob(self, image: ContainerImage, descriptor: Descriptor, most: int) -> bytes:
        """
        A blob of at most C{most} bytes.

        @raise DownloadError: it cannot be had, or is larger.
        """
        blob = BlobInMemory(descriptor, most)
        await self.blob(image, descriptor, blob)
        return blob.content

    def _places(self, spec: PullSpec) -> tuple[Place, ...]:
        try:
            return self.mirrors.places(spec)
        except Blocked as error:
            raise DownloadError(str(error)) from None

    async def _somewhere(
        self, what: str, places: Sequence[Place], fetch: Callable[[Place], Awaitable[_T]]
    ) -> _T:
        """
        What the first place gives that gives something.

        @raise Missing: all answer, and none has it.
        """
        failures: list[tuple[str, str]] = []
        kind: type[DownloadError] = Missing
        wait = 0.0
        for place in places:
            try:
                return await fetch(place)
            except NoSpace:
                raise
            except (DownloadError, PayloadError) as error:
                failures.append((place.spec.name, str(error)))
                kind = kind if isinstance(error, Missing) else DownloadError
                wait = max(wait, getattr(error, "retry_after", 0.0))
        if len(failures) == 1:
            raise kind(f"{what}: {failures[0][1]}", wait)
        raise kind(f"{what}: " + "; ".join(f"{at}: {why}" for at, why in failures), wait)

    async def _manifest_at(self, place: Place) -> FetchedManifest:
        spec = place.spec
        response = await self.requests.get(
            place,
            f"manifests/{spec.reference}",
            f"manifest {spec.reference}",
            {"accept": ", ".join(ACCEPTED)},
        )
        raw = await read_small(response, MOST_BYTES, self.clock, self.stall_seconds, "the manifest")
        claimed = field_texts(response.headers, b"docker-content-digest")
        digest = spec.digest or (claimed[0] if claimed else None)
        if digest is None:
            digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        try:
            wanted = Hash.of(digest)
        except ValueError as error:
            raise DownloadError(f"Docker-Content-Digest is {error}") from None
        wanted.update(raw)
        wanted.check()
        types = field_texts(response.headers, b"content-type")
        return FetchedManifest(digest, parse(raw, types[0] if types else None), place)

    async def _complete(
        self, place: Place, descriptor: Descriptor, blob: Blob, progressed: Callable[[], None]
    ) -> None:
        """Get what C{blob} lacks, and verify the whole; of a wrong one nothing is left."""
        if blob.size < descriptor.size:
            await self._append(place, descriptor, blob, progressed)
        try:
            await self.run_in_thread(blob.verify)
        except DigestMismatch:
            await self.run_in_thread(blob.restart)
            raise

    async def _append(
        self, place: Place, descriptor: Descriptor, blob: Blob, progressed: Callable[[], None]
    ) -> None:
        """Get what C{blob} lacks."""
        start = blob.size
        fields = {"range": f"bytes={start}-"} if start else {}
        response = await self.requests.get(
            place, f"blobs/{descriptor.digest}", f"blob {descriptor.digest}", fields
        )
        target: Blob | _Behind = blob
        if response.code == 206 and not _goes_on(response, start, descriptor.size):
            discard(response)
            raise DownloadError(f"it sent another range than bytes {start} to {descriptor.size}")
        if response.code == 200 and start:
            target = _Behind(start, blob)

        def has_grown() -> None:
            self.arrived(descriptor, blob.size)
            progressed()

        body = ArrivingBody(target, self.clock, self.run_in_thread, self.stall_seconds, has_grown)
        response.deliverBody(body)
        await body.done
        if blob.size != descriptor.size:
            raise DownloadError(f"it sent {blob.size} bytes instead of {descriptor.size}")


class _Behind:
    """What a blob lacks, out of a response that begins with what it has."""

    def __init__(self, start: int, blob: Blob) -> None:
        self._known = start
        self._blob = blob

    @property
    def size(self) -> int:
        return self._blob.size

    def append(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            passed = min(self._known, len(piece))
            self._known -= passed
            if passed < len(piece):
                self._blob.append([piece[passed:]])


def _goes_on(response: IResponse, start: int, total: int) -> bool:
    """Whether a 206 begins at C{start} of what has C{total} bytes."""
    sent = content_range(response.headers)
    if sent is None or sent.part is None:
        return False
    return sent.part.start == start and sent.length in {total, None}
