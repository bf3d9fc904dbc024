"""Images that the primary has found ready, made once more for a secondary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.room import Room
from assisted_images.image_assembly import make_downloader
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.on_demand.origin import HttpOrigin
from assisted_images.outbound import Outbound
from assisted_images.settings.settings import Settings
from assisted_images.store.image_bytes import ImageBytes, PartialFile, all_read
from assisted_images.store.origins import origin_of_parts
from assisted_images.store.states import OsImage, ReadyImage
from assisted_images.store.summaries import ReadySummary, ready_image_again
from assisted_images.values import ImageFetch
from httpd.concurrency.slots import OwnSlots, Slots
from httpd.concurrency.threads import RunInThread, threads_of
from httpd.streaming.disk import disk_threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What it takes, shared by all of them."""

    data_dir: Path
    base_url: str | None
    """This service as hosts see it."""
    fetch: ImageFetch = ImageFetch.WHOLE
    """What is brought here of images that do not say so themselves."""
    run_in_thread: RunInThread
    read_in_thread: RunInThread
    """Reads for downloads."""
    on_demand: OnDemandImages
    origin_of_parts: Callable[[Entry], HttpOrigin]
    reading: Slots = field(default_factory=lambda: OwnSlots(2))
    """Bounds threads that read side by side."""
    stop: Event = field(default_factory=Event)
    """Set when the process goes down: no thread waits for a block any more."""

    async def load(
        self, image: OsImage, summary: ReadySummary, changed: Callable[[], None]
    ) -> ReadyImage:
        """
        Make an image once more; one that stays at its origin is open from then on.

        @param changed: called when such an image has another file at its origin.
        @raise OSError: it cannot be read.
        @raise IsoError: it is another one by now.
        """
        entry = image.entry
        path = self.data_dir / entry.file_name
        async with self.reading:
            content = await self._opened(image, path, summary, changed)
            with all_read(content):
                return await self.run_in_thread(
                    ready_image_again,
                    content,
                    path,
                    entry,
                    self.base_url,
                    self.read_in_thread,
                    summary,
                )

    def let_go(self, image: OsImage, reason: str | None) -> None:
        """
        Have an image open no more, if it was; harmless when that was done.

        @param reason: why it is of no use; C{None}: who reads it may come to the end.
        """
        file, image.on_demand = image.on_demand, None
        if file is not None and reason is None:
            self.on_demand.retire(file)
        elif file is not None:
            self.on_demand.close(file, reason or "")

    async def _opened(
        self, image: OsImage, path: Path, summary: ReadySummary, changed: Callable[[], None]
    ) -> ImageBytes:
        if summary.facts is None:
            return await self.run_in_thread(summary.open_whole, path, self.read_in_thread)
        image.on_demand = await self.on_demand.open(
            path,
            self.origin_of_parts(image.entry),
            summary.facts,
            changed,
            begin=False,
            bounded=(image.entry.fetch or self.fetch) is not ImageFetch.BACKGROUND,
        )
        return PartialFile(image.on_demand, self.stop)


def make_loading(
    settings: Settings, reactor: Any, outbound: Outbound, on_demand: OnDemandImages
) -> Loading:
    """
    What makes images once more that another process brings.

    @raise ValueError: the S3 secret key cannot be read.
    """
    downloader = make_downloader(settings, reactor, outbound, Room())
    return Loading(
        data_dir=settings.data_dir,
        base_url=settings.image_service_base_url,
        fetch=settings.image_fetch,
        run_in_thread=threads_of(reactor),
        read_in_thread=disk_threads(reactor),
        on_demand=on_demand,
        origin_of_parts=lambda entry: origin_of_parts(entry, downloader, settings.s3_endpoint),
    )
