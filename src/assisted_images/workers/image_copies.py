"""Images that the primary brings, as the secondaries serve them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assisted_images.iso9660.volume import IsoError
from assisted_images.store.derived import ReadySummary, ready_image_again
from assisted_images.store.images import ImageStore
from assisted_images.store.states import OsImage, ReadyImage
from assisted_images.workers.messages import ImageSummary
from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import RunInThread
from httpd.texts import os_error_text

_RETRY_SECONDS = 5.0


class ImageSummaries:
    """What the primary tells of its images."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        # Digests take time, and what is ready stays as it is.
        self._ready: dict[OsImage, ReadySummary] = {}

    def now(self) -> tuple[ImageSummary, ...]:
        """Every image's state, in the catalogue's order."""
        return tuple(map(self._summary, self._store.images))

    def _summary(self, image: OsImage) -> ImageSummary:
        if image.ready is not None and image not in self._ready:
            self._ready[image] = ReadySummary.of(image.ready)
        return ImageSummary(
            image.state,
            image.reason,
            image.bytes,
            image.total,
            image.next_try,
            self._ready.get(image),
        )


class ImageCopies:
    """A secondary's images: what the primary says of them, and the files that it has checked."""

    _log = Logger()

    def __init__(
        self,
        store: ImageStore,
        location: tuple[Path, str | None],
        clock: IReactorTime,
        run_in_thread: RunInThread,
        read_in_thread: RunInThread,
        loaded: Callable[[], None],
    ) -> None:
        """
        @param location: DATA_DIR, and this service as hosts see it.
        @param read_in_thread: reads for downloads.
        @param loaded: called when everything is loaded that is ready.
        """
        self._store = store
        self._data_dir, self._base_url = location
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._read_in_thread = read_in_thread
        self._loaded = loaded
        self._reading = OwnSlots(2)
        self._loading: set[OsImage] = set()

    @property
    def count(self) -> int:
        """Images that this worker can serve."""
        return sum(image.ready is not None for image in self._store.images)

    def follow(self, summaries: Iterable[ImageSummary]) -> None:
        """Take over what the primary says, and load what has become ready."""
        for image, summary in zip(self._store.images, summaries, strict=True):
            present = (summary.bytes, summary.total)
            image.follow(summary.state, summary.reason, summary.next_try, present)
            if summary.ready and image.ready is None and image not in self._loading:
                self._loading.add(image)
                Deferred.fromCoroutine(self._load(image, summary.ready))
        self._tell()

    async def _load(self, image: OsImage, summary: ReadySummary) -> None:
        while image.ready is None:
            try:
                image.ready = await self._read(image, summary)
                continue
            except OSError as error:
                self._failed(image, os_error_text(error))
            except IsoError as error:
                self._failed(image, str(error))
            except Exception:
                self._log.failure("unexpected trouble with an image")
            await deferLater(self._clock, _RETRY_SECONDS)
        self._loading.remove(image)
        self._tell()

    def _failed(self, image: OsImage, reason: str) -> None:
        self._log.error(
            "image {version} {arch} cannot be served by this worker: {reason}",
            version=image.entry.version,
            arch=image.entry.architecture.value,
            reason=reason,
        )

    async def _read(self, image: OsImage, summary: ReadySummary) -> ReadyImage:
        async with self._reading:
            return await self._run_in_thread(
                ready_image_again,
                self._data_dir / image.entry.file_name,
                image.entry,
                self._base_url,
                self._read_in_thread,
                summary,
            )

    def _tell(self) -> None:
        if not self._loading:
            self._loaded()
