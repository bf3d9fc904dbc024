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
from assisted_images.store.watching import until_changed
from assisted_images.workers.messages import ImageSummary
from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import RunInThread
from httpd.texts import os_error_text

_RETRY_SECONDS = 5.0


class ImageSummaries:
    """What the primary tells of its images."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        # Digests take time, and what is ready stays as it is for as long as it is.
        self._ready: dict[OsImage, tuple[ReadyImage, ReadySummary]] = {}

    def now(self) -> tuple[ImageSummary, ...]:
        """Every image's state, in the catalogue's order."""
        return tuple(map(self._summary, self._store.images))

    def _summary(self, image: OsImage) -> ImageSummary:
        ready, known = image.ready, self._ready.pop(image, None)
        if ready is not None:
            if known is None or known[0] is not ready:
                known = ready, ReadySummary.of(ready)
            self._ready[image] = known
        return ImageSummary(
            image.state,
            image.reason,
            image.bytes,
            image.total,
            image.next_try,
            None if known is None or ready is None else known[1],
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
        @param loaded: called when everything is loaded that is ready, or has been tried.
        """
        self._store = store
        self._data_dir, self._base_url = location
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._read_in_thread = read_in_thread
        self._loaded = loaded
        self._reading = OwnSlots(2)
        self._told: dict[OsImage, ReadySummary | None] = {}
        self._loading: set[OsImage] = set()
        self._untried: set[OsImage] = set()

    @property
    def count(self) -> int:
        """Images that this worker can serve."""
        return sum(image.ready is not None for image in self._store.images)

    def follow(self, summaries: Iterable[ImageSummary]) -> None:
        """Take over what the primary says, and load what has become ready."""
        for image, summary in zip(self._store.images, summaries, strict=True):
            if summary.ready != self._told.get(image):
                image.ready = None
            self._told[image] = summary.ready
            present = (summary.bytes, summary.total)
            image.follow(summary.state, summary.reason, summary.next_try, present)
        self._load_missing()
        self._tell()

    def _load_missing(self) -> None:
        for image, summary in self._told.items():
            if summary and image.ready is None and image not in self._loading:
                self._loading.add(image)
                self._untried.add(image)
                Deferred.fromCoroutine(self._keep(image))

    async def _keep(self, image: OsImage) -> None:
        """Load an image for as long as it is ready, and again when its files have changed."""
        while image.ready is None and (summary := self._told[image]):
            ready = await self._load(image, summary)
            self._untried.discard(image)
            if ready is None:
                # It can be served by others; no reason not to serve the rest.
                self._tell()
                await deferLater(self._clock, _RETRY_SECONDS)
            elif summary == self._told[image]:
                image.serve(ready)
        self._loading.remove(image)
        self._untried.discard(image)
        self._tell()
        await until_changed(image, self._clock, self._read_in_thread)
        self._load_missing()

    async def _load(self, image: OsImage, summary: ReadySummary) -> ReadyImage | None:
        try:
            return await self._read(image, summary)
        except OSError as error:
            self._failed(image, os_error_text(error))
        except IsoError as error:
            self._failed(image, str(error))
        except Exception:
            self._log.failure("unexpected trouble with an image")
        return None

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
        if not self._untried:
            self._loaded()
