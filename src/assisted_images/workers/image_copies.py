"""Images that the primary brings, as the secondaries serve them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assisted_images.iso9660.volume import IsoError
from assisted_images.on_demand.origin import Facts
from assisted_images.store.images import ImageStore
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.store.summaries import ReadySummary
from assisted_images.store.watching import until_changed
from assisted_images.workers.loading import Loading
from assisted_images.workers.messages import ImageSummary
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
            image.on_demand is not None and image.on_demand.held.file.sealed,
        )


class ImageCopies:
    """A secondary's images: what the primary says of them, and what it has found ready."""

    _log = Logger()

    def __init__(
        self,
        store: ImageStore,
        loading: Loading,
        clock: IReactorTime,
        loaded: Callable[[], None],
        changed: Callable[[int, Facts], None],
    ) -> None:
        """
        @param loaded: called when everything is loaded that is ready, or has been tried.
        @param changed: called when this process finds that an image is another at its origin: with
            its place in the catalogue, and what it was.
        """
        self._store = store
        self._means = loading
        self._clock = clock
        self._loaded = loaded
        self._changed = changed
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
                is_whole = summary.ready is not None and summary.ready.facts is None
                self._means.let_go(image, None if is_whole else "it is being checked again")
            elif image.on_demand is not None:
                image.on_demand.held.file.seal(sealed=summary.sealed)
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
            if summary != self._told[image]:
                self._means.let_go(image, "it is another one by now")
            elif ready is None:
                # It can be served by others; no reason not to serve the rest.
                self._tell()
                self._means.let_go(image, "it cannot be loaded")
                await deferLater(self._clock, _RETRY_SECONDS)
            else:
                image.serve(ready)
        self._loading.remove(image)
        self._untried.discard(image)
        self._tell()
        await until_changed(image, self._clock, self._means.read_in_thread)
        self._load_missing()

    async def _load(self, image: OsImage, summary: ReadySummary) -> ReadyImage | None:
        try:
            changed = partial(self._origin_changed, image, summary)
            return await self._means.load(image, summary, changed)
        except OSError as error:
            self._failed(image, summary, os_error_text(error))
        except IsoError as error:
            self._failed(image, summary, str(error))
        except Exception:
            self._log.failure("unexpected trouble with an image")
        return None

    def _failed(self, image: OsImage, summary: ReadySummary, reason: str) -> None:
        if summary == self._told[image]:  # or it was no trouble, but news
            self._log.error(
                "image {version} {arch} cannot be served by this worker: {reason}",
                version=image.entry.version,
                arch=image.entry.architecture.value,
                reason=reason,
            )

    def _origin_changed(self, image: OsImage, summary: ReadySummary) -> None:
        """Serve it no more; the primary says what it is instead."""
        if summary == self._told[image] and summary.facts is not None:
            image.ready = self._told[image] = None
            reason = "its origin has another file"
            image.follow(ImageState.CHECKING, reason, None, (image.bytes, image.total))
            self._means.let_go(image, reason)
            self._changed(self._store.images.index(image), summary.facts)

    def _tell(self) -> None:
        if not self._untried:
            self._loaded()
