"""Of an image for several platforms, the one that is wanted."""

from __future__ import annotations

from assisted_images.oci.errors import PayloadError
from assisted_images.oci.manifests import MOST_BYTES, Index, ManifestError, config_architecture
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import ContainerImage, Registries
from assisted_images.registries.requests import Missing
from assisted_images.values import Architecture

_DEEPEST = 3
"""How many indexes may be within each other."""

_MOST_UNNAMED = 16
"""Manifests of an index that are looked into, one after the other, to see what they are for."""


async def image_for(
    registries: Registries, spec: PullSpec, architecture: Architecture
) -> ContainerImage:
    """
    The image for C{architecture}, where C{spec} denotes several.

    @raise DownloadError: it cannot be had.
    @raise PayloadError: it is for other architectures.
    """
    found = await registries.manifest(spec)
    if not isinstance(found.manifest, Index):
        return ContainerImage(spec, found.digest, found.manifest, found.place, chosen=False)
    index = found.manifest
    image = await _within(registries, spec, found.digest, index, architecture, _DEEPEST)
    if image is None:
        raise index.lacks(architecture)
    return image


async def architectures_of(
    registries: Registries, spec: PullSpec, index: Index
) -> tuple[Architecture, ...]:
    """
    Those that an index, which C{spec} denotes, has.

    @raise DownloadError: that cannot be found out.
    """
    if not index.unnamed:
        return index.architectures
    found = []
    for architecture in Architecture:
        try:
            await image_for(registries, spec, architecture)
        except PayloadError:
            continue
        found.append(architecture)
    return tuple(found)


async def architecture_of(registries: Registries, image: ContainerImage) -> Architecture:
    """
    The one that an image's config names.

    @raise ManifestError: it names none that is known here.
    """
    raw = await registries.small_blob(image, image.manifest.config, MOST_BYTES)
    return config_architecture(raw)


async def _within(
    registries: Registries,
    spec: PullSpec,
    digest: str,
    index: Index,
    architecture: Architecture,
    depth: int,
) -> ContainerImage | None:
    """The image in an index, or in one within it; L{None}: there is none."""
    named = architecture in index.architectures
    for descriptor in index.for_architecture(architecture)[:_MOST_UNNAMED] if depth else ():
        try:
            found = await registries.manifest(spec.with_digest(descriptor.digest))
        except Missing:
            if named:
                raise
            continue  # a mirror may have less than the index lists
        image: ContainerImage | None
        if isinstance(found.manifest, Index):
            inner = found.manifest
            image = await _within(registries, spec, digest, inner, architecture, depth - 1)
        else:
            image = ContainerImage(spec, digest, found.manifest, found.place, chosen=True)
            if not (named or await _is_for(registries, image, architecture)):
                continue
        if image is not None:
            return image
    return None


async def _is_for(
    registries: Registries, image: ContainerImage, architecture: Architecture
) -> bool:
    try:
        return await architecture_of(registries, image) is architecture
    except ManifestError:
        return False  # a signature, or what else stands among images
