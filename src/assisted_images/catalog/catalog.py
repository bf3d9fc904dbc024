"""The OS images that are configured, and how a request finds one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.values import Architecture, ImageFetch, ImageType, OpenShiftVersion
from httpd.texts import quoted_if_odd
from httpd.urls import public_url

_Key = tuple[str, Architecture, ImageType]
"""A version, of which architecture and type."""


_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[!->@-~]{1,1024})")
"""Without a question mark: there is no query, and a key that has one must be renamed."""


def s3_location(url: str) -> tuple[str, str] | None:
    """The bucket and the key of C{s3://bucket/key}; None for another URL."""
    found = _S3.fullmatch(url)
    return (found["bucket"], found["key"]) if found else None


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One OS image: what it is and where it comes from, a URL or a release image.

    The URLs may be signed or hold a password, so the repr leaves them out.
    """

    openshift_version: str
    architecture: Architecture
    url: str = field(repr=False)
    """Where the ISO is, C{http}, C{https} or C{s3}; empty where C{release} is set."""

    version: str
    """
    The RHCOS version, such as C{418.94.202511191518-0}; of a release image's ISO, which tells its
    own only when it is there, the release's, such as C{4.18.30}.
    """

    image_type: ImageType = ImageType.FULL
    """L{ImageType.FULL} or L{ImageType.DISCONNECTED}: what is downloaded is never minimal."""

    rootfs_url: str | None = field(default=None, repr=False)
    """Where hosts that boot the minimal ISO find the rootfs; C{None}: at this service."""

    sha256: str | None = None
    """Hexadecimal digest of the whole ISO, in lower case."""

    release: PullSpec | None = None
    """The release image to take the ISO out of; C{None} where it has a URL."""

    stream: OsImageStream | None = None
    """Which of the release image's ISOs; C{None}: whatever there is, the older one of two."""

    fetch: ImageFetch | None = None
    """What of it is brought here; C{None}: as the settings say for all images."""

    @property
    def file_name(self) -> str:
        """The ISO's name in DATA_DIR, the same as the Go service's."""
        return f"rhcos-{self.image_type}-{self.version}-{self.architecture}.iso"

    @property
    def nmstate_file_name(self) -> str:
        """The name in DATA_DIR of the archive that holds this image's C{nmstatectl}."""
        return f"nmstatectl-{self.version}-{self.architecture}"

    @property
    def origin(self) -> str:
        """Where it comes from, as it may be logged: a pull spec, or a URL without its secrets."""
        if self.release is not None:
            return str(self.release)
        return self.url if s3_location(self.url) else public_url(self.url)

    @property
    def key(self) -> _Key:
        """What makes two entries one download."""
        return self.version, self.architecture, self.image_type

    def __str__(self) -> str:
        return f"{self.openshift_version} ({self.version}) {self.architecture} {self.image_type}"


class UnknownImage(LookupError):
    """No configured OS image fits; the text lists those that are configured."""

    def __init__(
        self,
        version_key: str,
        architecture: Architecture,
        image_type: ImageType,
        configured: Sequence[Entry],
    ) -> None:
        super().__init__(version_key, architecture, image_type, configured)

    def __str__(self) -> str:
        version_key, architecture, image_type, configured = self.args
        return (
            f"version for {quoted_if_odd(version_key)} {architecture}, not found as {image_type};"
            f" configured are: {'; '.join(map(str, configured))}"
        )


class Catalog:
    """The configured OS images, each once, and the way to find them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        by_version: dict[_Key, Entry] = {}
        for entry in self._entries:
            kept = by_version.get(entry.key)
            if kept is None or _better(entry, kept):
                by_version[entry.key] = entry
        by_openshift_version: dict[_Key, Entry] = {}
        for entry in self._entries:
            key = entry.openshift_version, entry.architecture, entry.image_type
            by_openshift_version.setdefault(key, by_version[entry.key])
        # A version counts before the OpenShift version that is spelled alike.
        self._by_key: Mapping[_Key, Entry] = by_openshift_version | by_version
        self.images: tuple[Entry, ...] = tuple(by_version.values())
        """
        One entry per version, architecture and type.  One with a URL comes before one of a release
        image: it names the very file, and may have its SHA-256.  Then the highest OpenShift version
        counts: it decides whether hosts want C{nmstatectl}.
        """

    def and_releases(self, entries: Iterable[Entry]) -> Catalog:
        """The catalogue of these images and those of release images."""
        return Catalog((*self._entries, *entries))

    def find(self, version_key: str, architecture: Architecture, image_type: ImageType) -> Entry:
        """
        The OS image that a request means: the entry whose C{version} is C{version_key}, else the
        first whose C{openshift_version} is.  A minimal ISO is made of the full one.

        @raise UnknownImage: there is none.
        """
        source = ImageType.FULL if image_type is ImageType.MINIMAL else image_type
        entry = self._by_key.get((version_key, architecture, source))
        if entry is None:
            raise UnknownImage(version_key, architecture, image_type, self._entries)
        return entry


def _better(one: Entry, other: Entry) -> bool:
    if (one.release is None) != (other.release is None):
        return one.release is None
    versions = (entry.openshift_version for entry in (one, other))
    first, second = map(OpenShiftVersion.parse, versions)
    return first > second
