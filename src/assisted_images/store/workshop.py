"""What bringing images to where they can be served needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from twisted.internet.interfaces import IReactorTime

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.downloader import MOST, Downloader
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.on_demand.origin import HttpOrigin
from assisted_images.registries.releases import ReleaseDownloader
from assisted_images.store.checks import Limits
from assisted_images.store.origins import (
    ImageOrigin,
    PayloadOrigin,
    UrlOrigin,
    origin_of_parts,
    url_of,
)
from assisted_images.values import ImageFetch, ImageType
from httpd.concurrency.slots import OwnSlots, Slots
from httpd.concurrency.threads import RunInThread

_MOST_WITH_PAYLOAD = 256 << 30
"""Bytes of a disconnected ISO, which has the images of a release with it: some 50 GiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What preparing images needs, shared by all of them."""

    data_dir: Path
    downloader: Downloader
    releases: ReleaseDownloader | None = None
    """None: no image comes out of a release payload."""
    clock: IReactorTime
    """What is waited by."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch, for what is told."""
    run_in_thread: RunInThread
    read_in_thread: RunInThread
    """Reads for downloads, of images that are ready."""
    fetch: ImageFetch = ImageFetch.WHOLE
    """What is brought here of images that do not say so themselves."""
    on_demand: OnDemandImages | None = None
    """None: all images are fetched whole."""
    s3_endpoint: str | None = None
    """The S3 server that images with an C{s3} URL are on."""
    limits: Limits = field(default_factory=Limits)
    base_url: str | None = None
    """This service as hosts see it, which goes into minimal ISOs."""
    first_delay: float = 5.0
    """Seconds until a failed image is tried again; twice as many with each failure in a row."""
    downloads: Slots = field(default_factory=lambda: OwnSlots(4))
    """Bounds downloads side by side."""
    checks: Slots = field(default_factory=lambda: OwnSlots(2))
    """Bounds threads that read whole images side by side."""
    stop: Event = field(default_factory=Event)
    """Set when the process goes down: work in threads ends soon."""

    def origin(self, entry: Entry) -> ImageOrigin:
        """Where an image comes from."""
        if entry.release is None:
            disconnected = entry.image_type is ImageType.DISCONNECTED
            most = _MOST_WITH_PAYLOAD if disconnected else MOST
            return UrlOrigin(url_of(entry, self.s3_endpoint), self.downloader, most)
        if self.releases is None:
            raise ValueError(f"{entry} is out of a release payload; expected a ReleaseDownloader")
        return PayloadOrigin(entry.release, entry, self.releases, self.run_in_thread)

    def origin_of_parts(self, entry: Entry) -> HttpOrigin:
        """Where parts of an image come from that has a URL."""
        return origin_of_parts(entry, self.downloader, self.s3_endpoint)
