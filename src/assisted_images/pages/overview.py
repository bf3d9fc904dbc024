"""What the front page shows, as values: made by one process, and drawn by whichever is asked."""

from __future__ import annotations

import msgspec

from assisted_images.store.states import ImageState
from httpd.pages.downloads import Downloads


class OnDemandView(msgspec.Struct, frozen=True):
    """What is shown of an image that stays at its origin."""

    hits: int
    misses: int
    trouble: str | None


class ImageView(msgspec.Struct, frozen=True):
    """
    What is shown of one image.

    @ivar bytes: here.
    @ivar total: in all; C{None} while nobody knows.
    @ivar rate: bytes a second that come; C{None}: none come, or nobody knows yet.
    @ivar reason: why it has failed, or waits, or does not serve everything.
    @ivar next_try: in seconds since the epoch.
    """

    openshift_version: str
    version: str
    architecture: str
    type: str
    state: ImageState
    bytes: int
    total: int | None
    rate: float | None
    reason: str | None
    next_try: float | None
    on_demand: OnDemandView | None

    @property
    def seconds_left(self) -> float | None:
        """Until it is here, if it goes on as it does."""
        if not self.rate or self.total is None:
            return None
        return (self.total - self.bytes) / self.rate


class Configurations(msgspec.Struct, frozen=True):
    """
    What is shown of the configurations that clients needed.

    @ivar asked: in all.
    @ivar shared: those that another request had asked for.
    @ivar cache_up: whether the replicas' cache can be asked; C{None}: there is none.
    """

    asked: int
    shared: int
    cache_up: bool | None


class Cache(msgspec.Struct, frozen=True):
    """What images that are fetched on demand take of their room, in bytes."""

    used: int
    most: int | None
    """C{None}: as much as the disk has."""


class Disk(msgspec.Struct, frozen=True):
    """What room there is on a disk, in bytes."""

    free: int
    size: int


class Overview(msgspec.Struct, frozen=True):
    """
    All of it.

    @ivar workers: processes that serve.
    @ivar most_workers: how many there are to be.
    @ivar cache: of images that are fetched on demand; C{None}: there are none.
    @ivar disk: where the images are; C{None}: nobody knows.
    """

    images: tuple[ImageView, ...]
    downloads: Downloads
    workers: int
    most_workers: int
    configurations: Configurations | None
    cache: Cache | None
    disk: Disk | None
