"""What becomes of the images and of the downloads: looked at every few seconds, and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from assisted_images.pages.overview import (
    Cache,
    Configurations,
    Disk,
    ImageView,
    OnDemandView,
    Overview,
)
from assisted_images.store.images import ImageState, ImageStore, OsImage
from httpd.concurrency.slots import Slots
from httpd.pages.downloads import DownloadWatch

_ARRIVING = frozenset({ImageState.DOWNLOADING, ImageState.READY})
"""States in which bytes may come: of an image that is fetched on demand when it is ready, too."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What there may be at most, by the settings."""

    workers: int
    cache_bytes: int | None


class Watch(DownloadWatch):
    """
    Looks at the images, too.

    One process of the service does, which brings them, and can ask the others what they count.
    """

    def __init__(
        self,
        store: ImageStore,
        slots: Slots,
        bounds: Bounds,
        clock: IReactorTime,
        numbers: Callable[[], Awaitable[Mapping[str, float]]],
        workers: Callable[[], int] = lambda: 1,
    ) -> None:
        """
        @param numbers: what all workers have counted.
        @param workers: how many there are now.
        """
        super().__init__(clock, slots, numbers)
        self._store = store
        self._bounds = bounds
        self._workers = workers

    def others(self) -> Mapping[Hashable, float]:
        """How many bytes of each image are here, by its place in the catalogue."""
        return {place: image.bytes_here for place, image in enumerate(self._store.images)}

    async def overview(self) -> Overview:
        """How everything is now."""
        images = enumerate(self._store.images)
        return Overview(
            images=tuple(self._view(place, image) for place, image in images),
            downloads=self.downloads(),
            workers=self._workers(),
            most_workers=self._bounds.workers,
            configurations=self._configurations(),
            cache=self._cache(),
            disk=self._disk(),
        )

    def _view(self, place: int, image: OsImage) -> ImageView:
        entry, file = image.entry, image.on_demand
        rate = self.samples.rate(place) if image.state in _ARRIVING else None
        return ImageView(
            openshift_version=entry.openshift_version,
            version=image.rhcos_version or entry.version,
            architecture=entry.architecture.value,
            type=entry.image_type.value,
            state=image.state,
            bytes=image.bytes_here,
            total=image.total,
            rate=round(rate) if rate else None,
            reason=image.reason or image.missing,
            next_try=image.next_try,
            on_demand=None
            if file is None
            else OnDemandView(file.hits, file.misses, file.fetching.trouble),
        )

    def _cache(self) -> Cache | None:
        images = [image for image in self._store.images if image.on_demand is not None]
        used = sum(image.bytes_here for image in images)
        return Cache(used, self._bounds.cache_bytes) if images else None

    def _disk(self) -> Disk | None:
        newest = self.newest
        free, size = (newest.get(f"disk_{one}_bytes DATA_DIR") for one in ("free", "size"))
        return None if free is None or size is None else Disk(int(free), int(size))

    def _configurations(self) -> Configurations | None:
        """C{None}: none are shared, or nobody has asked for one."""
        newest, name = self.newest, "configuration_requests_total"
        shared, fetched = (int(newest.get(f"{name} {one}", 0)) for one in ("true", "false"))
        up = newest.get("configuration_cache_up")
        if not (shared or fetched) and up is None:
            return None
        return Configurations(shared + fetched, shared, None if up is None else bool(up))
