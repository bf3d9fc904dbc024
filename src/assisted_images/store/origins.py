"""Where an image comes from: a URL, or a release payload, which is remembered beside the image."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from assisted_images.catalog.catalog import Entry, s3_location
from assisted_images.downloads.downloader import MOST, Downloader, Progress
from assisted_images.downloads.durable import read_struct, write_struct
from assisted_images.downloads.parts import Part
from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.on_demand.origin import HttpOrigin
from assisted_images.registries.releases import ReleaseDownloader, ReleaseIso
from httpd.concurrency.threads import RunInThread
from httpd.urls import object_url

RELEASE = ".release.json"
"""Follows the name of an ISO that came out of a release payload, for its L{ReleaseOrigin}."""


class ReleaseOrigin(msgspec.Struct, frozen=True):
    """Which release an ISO is of."""

    release: str
    """The release image's pull spec, as it was configured."""

    machine_os_images: str
    """The pull spec, by digest, of the image that had the ISO."""

    stream: str = ""
    """Which of its ISOs was wanted; empty: whatever there is."""

    @classmethod
    def of(cls, iso: ReleaseIso, stream: OsImageStream | None) -> ReleaseOrigin:
        """What is to be remembered of C{iso}."""
        return cls(str(iso.release), str(iso.machine_os_images), stream or "")


_DECODER = msgspec.json.Decoder(ReleaseOrigin)


def origin_path(path: Path) -> Path:
    """Where the origin of the ISO C{path} is."""
    return path.with_name(path.name + RELEASE)


def read_origin(path: Path) -> ReleaseOrigin | None:
    """The origin of the ISO C{path}; None when there is none that can be read."""
    return read_struct(origin_path(path), _DECODER)


def write_origin(path: Path, origin: ReleaseOrigin) -> None:
    """
    Remember the origin of the ISO C{path}.

    @raise OSError: it cannot be written.
    """
    write_struct(origin_path(path), origin)


class ImageOrigin(Protocol):
    """Where one image comes from."""

    async def is_of(self, target: Path) -> bool:
        """
        Whether the file C{target} came from here, as far as that is known.

        @raise DownloadError: who knows it cannot be asked now.
        """

    async def download(self, part: Part, progress: Progress) -> None:
        """
        Bring C{part} to the whole image.

        @raise DownloadError: it could not be done now.
        @raise OSError: the disk is full or broken.
        """

    async def remember(self, target: Path) -> None:
        """What was downloaded is about to become the file C{target}."""


@dataclass(frozen=True, slots=True)
class UrlOrigin:
    """An image with a URL; whatever has its name is the image, if it passes the checks."""

    url: str
    downloader: Downloader
    most: int = MOST
    """Bytes that the image may have."""

    async def is_of(self, target: Path) -> bool:
        """See L{ImageOrigin}."""
        return True

    async def download(self, part: Part, progress: Progress) -> None:
        """See L{ImageOrigin}."""
        await self.downloader.download(self.url, part, progress, self.most)

    async def remember(self, target: Path) -> None:
        """See L{ImageOrigin}."""


class PayloadOrigin:
    """An image out of a release payload."""

    def __init__(
        self, spec: PullSpec, entry: Entry, releases: ReleaseDownloader, run_in_thread: RunInThread
    ) -> None:
        """
        @param spec: of the release image.
        """
        self._spec = spec
        self._architecture, self._stream = entry.architecture, entry.stream
        self._releases = releases
        self._run_in_thread = run_in_thread
        self._downloaded: ReleaseIso | None = None

    async def is_of(self, target: Path) -> bool:
        """
        See L{ImageOrigin}.  Nobody is asked as long as the pull spec is the same.  Releases with
        other pull specs may have the same image; then the file is theirs, too.
        """
        known = await self._run_in_thread(read_origin, target)
        if known is None:
            return True
        if known.stream != (self._stream or ""):
            return False
        if known.release == str(self._spec):
            return True
        iso = await self._releases.resolve(self._spec, self._architecture, self._stream)
        origin = ReleaseOrigin.of(iso, self._stream)
        if _digest(known.machine_os_images) != iso.machine_os_images.digest:
            return False
        with suppress(OSError):  # on a read-only disk it is asked for at each start
            await self._run_in_thread(write_origin, target, origin)
        return True

    async def download(self, part: Part, progress: Progress) -> None:
        """See L{ImageOrigin}."""
        self._downloaded = await self._releases.download(
            self._spec, self._architecture, part, progress, self._stream
        )

    async def remember(self, target: Path) -> None:
        """See L{ImageOrigin}."""
        if self._downloaded is not None:
            origin = ReleaseOrigin.of(self._downloaded, self._stream)
            await self._run_in_thread(write_origin, target, origin)


def origin_of_parts(entry: Entry, downloader: Downloader, s3_endpoint: str | None) -> HttpOrigin:
    """
    Where parts of an image come from that has a URL.

    @param downloader: what it would be downloaded by as a whole.
    @param s3_endpoint: as in L{url_of}.
    """
    return HttpOrigin(
        url_of(entry, s3_endpoint),
        downloader.agent,
        downloader.clock,
        downloader.headers,
        downloader.parameters,
        downloader.stall_seconds,
    )


def url_of(entry: Entry, s3_endpoint: str | None) -> str:
    """
    Where an image is, for a client of HTTP.

    @param s3_endpoint: the S3 server that images with an C{s3} URL are on.
    """
    location = s3_location(entry.url)
    if location is None:
        return entry.url
    if s3_endpoint is None:
        raise ValueError(f"{entry} is on an S3 server; expected to be told where that is")
    return object_url(s3_endpoint, *location)


def _digest(pull_spec: str) -> str:
    return pull_spec.rpartition("@")[2]
