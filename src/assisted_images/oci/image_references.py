"""
What a release image says of its payload: C{release-manifests/image-references}, an OpenShift
ImageStream in JSON.
"""

from __future__ import annotations

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


def iso_path(architecture: Architecture) -> str:
    """The member of machine-os-images' layers that is the CoreOS live ISO of C{architecture}."""
    return f"coreos/coreos-{architecture.machine}.iso"


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
