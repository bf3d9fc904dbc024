"""
OS images out of OpenShift release payloads: the release image names C{machine-os-images}, and a
layer of that has the CoreOS live ISO.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from assisted_images.downloads.downloader import MOST, Progress
from assisted_images.downloads.parts import Part, Provenance, digest_of_name
from assisted_images.downloads.room import Room
from assisted_images.oci.errors import PayloadError
from assisted_images.oci.image_references import (
    IMAGE_REFERENCES,
    OsImageStream,
    iso_paths,
    machine_os_images,
    release_version,
)
from assisted_images.oci.image_references import MOST_BYTES as MOST_REFERENCES_BYTES
from assisted_images.oci.manifests import Index, ManifestError
from assisted_images.oci.references import PullSpec
from assisted_images.registries.members import EnoughRead, MemberInMemory, MemberIntoPart
from assisted_images.registries.platforms import (
    architecture_of,
    architectures_of,
    image_for,
)
from assisted_images.registries.registry import ContainerImage, Registries
from assisted_images.registries.requests import Missing
from assisted_images.registries.search import MemberSearch
from assisted_images.values import Architecture
from httpd.outbound.failures import DownloadError


@dataclass(frozen=True, slots=True)
class ReleaseIso:
    """
    Where the ISO of one release for one architecture is.

    @ivar release: the release image's pull spec, as it was asked for.
    @ivar version: of the release, such as C{4.14.0}.
    @ivar machine_os_images: the pull spec, by digest, that the release has for it.
    @ivar paths: where it may be in the image, best first; one, as soon as that is known.
    """

    release: PullSpec
    version: str
    machine_os_images: PullSpec
    architecture: Architecture
    image: ContainerImage
    paths: tuple[str, ...]


async def resolve(
    registries: Registries,
    spec: PullSpec,
    architecture: Architecture,
    stream: OsImageStream | None = None,
) -> ReleaseIso:
    """
    Find out where the ISO is; what is read for that is verified.

    @param spec: of the release image.
    @param stream: which of several; L{None}: whatever there is.
    @raise DownloadError: a registry does not answer as it should, or the release has no such ISO.
    """
    try:
        raw = await _image_references(registries, await image_for(registries, spec, architecture))
        images = machine_os_images(raw)
        image = await image_for(registries, images, architecture)
        await _check_architecture(registries, image, architecture)
        paths = iso_paths(architecture, stream)
        return ReleaseIso(spec, release_version(raw), images, architecture, image, paths)
    except PayloadError as error:
        raise DownloadError(f"{spec}: {error}") from None


async def architectures(registries: Registries, spec: PullSpec) -> tuple[Architecture, ...]:
    """
    Those that C{spec}, of a release image, is for; of a release image that is single, those that
    its C{machine-os-images} is for.

    @raise DownloadError: a registry does not answer as it should, or it is no release image.
    """
    try:
        found = await registries.manifest(spec)
        if isinstance(found.manifest, Index):
            return await architectures_of(registries, spec, found.manifest)
        # A single image is given whatever architecture it is asked for.
        release = await image_for(registries, spec, Architecture.X86_64)
        spec = machine_os_images(await _image_references(registries, release))
        found = await registries.manifest(spec)
        if isinstance(found.manifest, Index):
            return await architectures_of(registries, spec, found.manifest)
        image = await image_for(registries, spec, Architecture.X86_64)
        return (await architecture_of(registries, image),)
    except PayloadError as error:
        raise DownloadError(f"{spec}: {error}") from None


async def _image_references(registries: Registries, release: ContainerImage) -> bytes:
    target = MemberInMemory()
    await MemberSearch(
        registries, release, (IMAGE_REFERENCES,), MOST_REFERENCES_BYTES, target
    ).run()
    return bytes(target.content)


async def _check_architecture(
    registries: Registries, image: ContainerImage, architecture: Architecture
) -> None:
    """A single manifest does not say whose it is, but its config does, if it says anything."""
    if image.chosen:
        return
    try:
        found = await architecture_of(registries, image)
    except ManifestError:
        return
    if found is not architecture:
        raise PayloadError(f"{image.spec} has no {architecture}; it has {found}")


async def iso_beginning(
    registries: Registries, iso: ReleaseIso, length: int
) -> tuple[str, int, bytes]:
    """
    The ISO's path, its size and its first bytes; for a look at it, since they are not verified.

    @param length: how many bytes, at least, of an ISO that has so many.
    @raise DownloadError: they cannot be had.
    """
    target = MemberInMemory(enough=length)
    search = MemberSearch(registries, iso.image, iso.paths, MOST, target)
    try:
        await search.run()
    except EnoughRead:
        pass
    except PayloadError as error:
        raise DownloadError(f"{iso.release}: {error}") from None
    return search.path, target.size, bytes(target.content)


@dataclass(frozen=True, slots=True)
class _Extraction:
    """One ISO on its way, which an interruption does not end."""

    iso: ReleaseIso
    search: MemberSearch
    target: MemberIntoPart


class ReleaseDownloader:
    """
    Brings ISOs out of release payloads into L{Part}s, as
    L{Downloader<assisted_images.downloads.downloader.Downloader>} brings files.

    What an interrupted extraction needs to go on (hash, decompressor, place in the archive) is kept
    in memory; so another process begins anew.
    """

    def __init__(self, registries: Registries, room: Room) -> None:
        """
        @param room: of the disk, shared with whoever else writes there.
        """
        self._registries = registries
        self._room = room
        self._interrupted: dict[Path, _Extraction] = {}

    async def resolve(
        self, spec: PullSpec, architecture: Architecture, stream: OsImageStream | None = None
    ) -> ReleaseIso:
        """See L{resolve}, the function."""
        return await resolve(self._registries, spec, architecture, stream)

    async def download(
        self,
        spec: PullSpec,
        architecture: Architecture,
        part: Part,
        progress: Progress,
        stream: OsImageStream | None = None,
    ) -> ReleaseIso:
        """
        Bring C{part} to the whole ISO, and make it durable.

        @param spec: of the release image.
        @param stream: which of several ISOs; L{None}: whatever there is.
        @return: where it came from.
        @raise DownloadError: it could not be done now.
        @raise OSError: the disk is full or broken.
        """
        run_in_thread = self._registries.run_in_thread
        extraction = self._interrupted.pop(part.target, None)
        if extraction is None or not (
            extraction.iso.release == spec and extraction.target.goes_on(part)
        ):
            iso = await resolve(self._registries, spec, architecture, stream)
            extraction = await self._begin(iso, part)
        target = extraction.target
        try:
            if target.total is not None:
                await run_in_thread(self._room.promise, part, target.total)
            await extraction.search.run(lambda: progress(part.size, target.total))
        except PayloadError as error:
            await run_in_thread(part.discard)
            raise DownloadError(f"{spec}: {error}") from None
        except (DownloadError, OSError) as error:
            # An image that is gone may be another by now where its tag is.
            if extraction.search.goes_on and not isinstance(error, Missing):
                self._interrupted[part.target] = extraction
            else:
                await run_in_thread(part.discard)
            raise
        finally:
            self._room.release(part)
        await run_in_thread(part.sync)
        return replace(extraction.iso, paths=(extraction.search.path,))

    async def _begin(self, iso: ReleaseIso, part: Part) -> _Extraction:
        registries = self._registries
        digest = digest_of_name(f"{iso.machine_os_images} {' '.join(iso.paths)}")
        # What another process has begun is of no use, and takes room.
        await registries.run_in_thread(part.restart, Provenance(digest))
        target = MemberIntoPart(part, self._room, digest)
        search = MemberSearch(registries, iso.image, iso.paths, MOST, target)
        return _Extraction(iso, search, target)
