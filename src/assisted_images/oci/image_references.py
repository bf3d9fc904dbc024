"""
What a release image says of its payload: C{release-manifests/image-references}, an OpenShift
ImageStream in JSON.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import msgspec

from assisted_images.oci.errors import PayloadError
from assisted_images.oci.references import PullSpec
from assisted_images.values import Architecture
from httpd.texts import quoted

IMAGE_REFERENCES = "release-manifests/image-references"
"""The member of a release image's layers that this module reads."""

MOST_BYTES = 16 << 20
"""How large it may be; real ones have some 150 KiB."""

_TAG = "machine-os-images"
_LONGEST_VERSION = 128


class ImageReferencesError(PayloadError):
    """A release image that does not say where its OS images are."""


class _From(msgspec.Struct):
    name: str = ""


class _Tag(msgspec.Struct):
    name: str = ""
    image: _From | None = msgspec.field(default=None, name="from")


class _Spec(msgspec.Struct):
    tags: list[_Tag] | None = None


class _Metadata(msgspec.Struct):
    name: str = ""


class _ImageStream(msgspec.Struct):
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)


_IMAGE_STREAM = msgspec.json.Decoder(_ImageStream)


class OsImageStream(StrEnum):
    """Which RHEL the CoreOS of a release is made of, as OpenShift calls it."""

    RHEL_9 = "rhel-9"
    RHEL_10 = "rhel-10"

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read one.

        @raise ValueError: it is none.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError(f"{quoted(text)}; expected {' or '.join(cls)}") from None

    def iso_path(self, architecture: Architecture) -> str:
        """The member of machine-os-images' layers that is the CoreOS live ISO."""
        coreos = "coreos10" if self is OsImageStream.RHEL_10 else "coreos"
        return f"coreos/{coreos}-{architecture.machine}.iso"


def iso_paths(architecture: Architecture, stream: OsImageStream | None) -> tuple[str, ...]:
    """
    Where the ISO may be, best first.

    @param stream: L{None}: whatever there is.
    """
    streams = (stream,) if stream else tuple(OsImageStream)
    return tuple(each.iso_path(architecture) for each in streams)


def machine_os_images(raw: bytes) -> PullSpec:
    """
    The pull spec, by digest, of the image that carries the ISOs.

    @param raw: C{image-references}.
    @raise ImageReferencesError: it is damaged, or names no such image.
    """
    tag = next((tag for tag in _decode(raw).spec.tags or () if tag.name == _TAG), None)
    if tag is None:
        raise ImageReferencesError(
            f"the release has no image {_TAG}: it is a release before 4.11; expected one from 4.11"
            " on, or the ISO's URL in OS_IMAGES"
        )
    try:
        found = PullSpec.parse(tag.image.name if tag.image else "")
    except ValueError as error:
        raise ImageReferencesError(f"the pull spec of {_TAG} in the release: {error}") from None
    if found.digest is None:
        raise ImageReferencesError(
            f"the pull spec of {_TAG} in the release, {found}, has no digest; expected one, since"
            " what is behind a tag cannot be verified"
        )
    return found


def release_version(raw: bytes) -> str:
    """
    The version of the release, such as C{4.14.0}.

    @param raw: C{image-references}.
    @raise ImageReferencesError: it is damaged, or has no version.
    """
    version = _decode(raw).metadata.name
    if not version or len(version) > _LONGEST_VERSION or not version.isprintable():
        raise ImageReferencesError(
            f"{IMAGE_REFERENCES} has {quoted(version)} as metadata.name; expected the release's"
            " version, such as 4.14.0"
        )
    return version


def _decode(raw: bytes) -> _ImageStream:
    try:
        stream = _IMAGE_STREAM.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ImageReferencesError(
            f"{IMAGE_REFERENCES} cannot be read: {error}; expected an ImageStream in JSON"
        ) from None
    if stream.kind != "ImageStream":
        raise ImageReferencesError(
            f"{IMAGE_REFERENCES} is of the kind {quoted(stream.kind)}; expected an ImageStream"
        )
    return stream
