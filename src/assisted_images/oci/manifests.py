"""
Manifests of images and indexes of manifests, of both families: OCI's (image specification,
manifest.md and image-index.md) and Docker's (schema 2 and manifest lists).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from assisted_images.oci.compression import Compression
from assisted_images.oci.digests import checked_digest
from assisted_images.oci.errors import PayloadError
from assisted_images.values import Architecture
from httpd.texts import quoted

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)

ACCEPTED = (*_INDEXES, *_MANIFESTS)
"""The media types that L{parse} reads, for the C{Accept} field of a request."""

MOST_BYTES = 4 << 20
"""How large a manifest, an index or a config may be: what registries take at most."""

_LARGEST = (1 << 63) - 1

_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar": Compression.NONE,
    "application/vnd.oci.image.layer.v1.tar+gzip": Compression.GZIP,
    "application/vnd.oci.image.layer.v1.tar+zstd": Compression.ZSTD,
    "application/vnd.docker.image.rootfs.diff.tar": Compression.NONE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": Compression.GZIP,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": Compression.ZSTD,
}
"""The media types of layers, and how what they hold, a tar archive, is compressed."""


class ManifestError(PayloadError):
    """A manifest, index or config that is damaged or none of those that are read here."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of a blob, or an index of a manifest."""

    digest: str
    size: int
    """Bytes, as they are transferred."""

    media_type: str

    @property
    def compression(self) -> Compression:
        """
        How a layer is compressed.  Its bytes are not asked.

        @raise ManifestError: this is no layer of a known kind.
        """
        try:
            return _LAYERS[self.media_type]
        except KeyError:
            raise ManifestError(
                f"the layer {self.digest} has the media type {quoted(self.media_type)};"
                f" expected one of {', '.join(_LAYERS)}"
            ) from None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image, for one architecture, which its config names."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    """The lowest first."""


@dataclass(frozen=True, slots=True)
class Index:
    """The manifests of one image for several platforms: each one's architecture by its OCI name."""

    manifests: tuple[tuple[str, Descriptor], ...]
    unnamed: tuple[Descriptor, ...] = ()
    """Manifests and indexes of which it does not say what they are for."""

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Those of ours that it has."""
        return tuple(each for each in Architecture if self._find(each) is not None)

    def for_architecture(self, architecture: Architecture) -> tuple[Descriptor, ...]:
        """
        Where the manifest for C{architecture} may be: the one that is said to be for it, else those
        of which nothing is said.
        """
        found = self._find(architecture)
        return self.unnamed if found is None else (found,)

    def lacks(self, architecture: Architecture) -> ManifestError:
        """What is said where C{architecture} cannot be found."""
        others = [each for each in self.architectures if each is not architecture]
        return ManifestError(
            f"the image has no {architecture}; it has"
            f" {', '.join(others) or 'no architecture that is known here'}"
        )

    def _find(self, architecture: Architecture) -> Descriptor | None:
        return next((found for name, found in self.manifests if _is(architecture, name)), None)


class _Platform(msgspec.Struct):
    architecture: str = ""
    os: str = ""


class _Descriptor(msgspec.Struct):
    digest: str
    size: int
    media_type: str = msgspec.field(name="mediaType")
    platform: _Platform | None = None

    def checked(self) -> Descriptor:
        if not 0 <= self.size <= _LARGEST:
            raise ManifestError(
                f"the manifest gives a size of {self.size} bytes; expected 0 to {_LARGEST}"
            )
        try:
            return Descriptor(checked_digest(self.digest), self.size, self.media_type)
        except ValueError as error:
            raise ManifestError(f"a digest in the manifest is {error}") from None


class _Manifest(msgspec.Struct):
    config: _Descriptor
    layers: list[_Descriptor]


class _Index(msgspec.Struct):
    manifests: list[_Descriptor]


class _Either(msgspec.Struct):
    """What tells one from the other."""

    media_type: str = msgspec.field(name="mediaType", default="")
    manifests: Any = None
    layers: Any = None
    schema_version: int = msgspec.field(name="schemaVersion", default=2)


class _Config(msgspec.Struct):
    architecture: str


_MANIFEST = msgspec.json.Decoder(_Manifest)
_INDEX = msgspec.json.Decoder(_Index)
_EITHER = msgspec.json.Decoder(_Either)
_CONFIG = msgspec.json.Decoder(_Config)


def parse(raw: bytes, media_type: str | None) -> Manifest | Index:
    """
    Read a manifest or an index.

    @param media_type: as the registry gave it in C{Content-Type}; where that says nothing, what the
        document says of itself counts.
    @raise ManifestError: it is neither, or both, or damaged.
    """
    if len(raw) > MOST_BYTES:
        raise ManifestError(f"the manifest has {len(raw)} bytes; expected at most {MOST_BYTES}")
    if _kind(raw, media_type) in _INDEXES:
        items = _decode(raw, _INDEX).manifests
        return Index(
            tuple(_for_linux(item) for item in items if _is_for_linux(item)),
            tuple(item.checked() for item in items if _is_unnamed(item)),
        )
    manifest = _decode(raw, _MANIFEST)
    return Manifest(manifest.config.checked(), tuple(layer.checked() for layer in manifest.layers))


def config_architecture(raw: bytes) -> Architecture:
    """
    The architecture of a single manifest's image.

    @param raw: the blob that its C{config} stands for.
    @raise ManifestError: it names none that is known here.
    """
    name = _decode(raw, _CONFIG).architecture
    try:
        return Architecture.parse(name)
    except ValueError:
        raise ManifestError(
            f"the image is for the architecture {quoted(name)}; expected one of"
            f" {', '.join(Architecture)}"
        ) from None


def _kind(raw: bytes, media_type: str | None) -> str:
    """
    The document's media type, one of L{ACCEPTED}.  A document that can be read as a manifest and
    as an index is refused: what is one to us might be the other to who signed it.
    """
    document = _decode(raw, _EITHER)
    if document.layers is not None and document.manifests is not None:
        raise ManifestError("the manifest has both layers and manifests; expected one of them")
    named = (media_type or "").partition(";")[0].strip().lower()
    known = (*ACCEPTED, *_SCHEMA_1)
    kinds = [kind for kind in (named, document.media_type) if kind in known]
    if kinds and kinds[0] != kinds[-1]:
        raise ManifestError(
            f"the registry calls the manifest {kinds[0]}, the manifest itself {kinds[-1]}; expected"
            " one media type"
        )
    if any(kind in _SCHEMA_1 for kind in kinds) or document.schema_version == 1:
        raise ManifestError(
            "the manifest is of Docker's schema 1, which is no longer in use; expected schema 2 or"
            " an OCI manifest"
        )
    if kinds:
        return kinds[0]
    if document.media_type:
        raise ManifestError(
            f"the manifest's media type is {quoted(document.media_type)}; expected one of"
            f" {', '.join(ACCEPTED)}"
        )
    return _INDEXES[0] if document.manifests is not None else _MANIFESTS[0]


_T = TypeVar("_T")


def _decode(raw: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ManifestError(
            f"the manifest cannot be read: {error}; expected an image's manifest or config in JSON"
        ) from None


def _is_for_linux(item: _Descriptor) -> bool:
    """Signatures and attestations stand among the manifests, too; their platform is unknown."""
    return bool(item.platform and item.platform.architecture and item.platform.os in {"linux", ""})


def _is_unnamed(item: _Descriptor) -> bool:
    """Neither OCI nor Docker demands a platform (image-index.md); some tools write none."""
    nothing = item.platform is None or item.platform == _Platform()
    return nothing and item.media_type in ACCEPTED


def _for_linux(item: _Descriptor) -> tuple[str, Descriptor]:
    assert item.platform is not None
    return item.platform.architecture, item.checked()


def _is(architecture: Architecture, name: str) -> bool:
    try:
        return Architecture.parse(name) is architecture
    except ValueError:
        return False
