"""A store over a directory, real origins and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent, globalLogPublisher

from assisted_images.catalog.catalog import Catalog, Entry
from assisted_images.downloads.downloader import Downloader
from assisted_images.store.images import ImageState, ImageStore, OsImage
from assisted_images.store.population import Population
from assisted_images.store.workshop import Workshop
from httpd.concurrency.threads import run_at_once
from tests.assisted_images.store.images import LIMITS
from tests.httpd.outbound.servers import ServerTestCase, trial_reactor

NAME = "rhcos-full-iso-417.1-x86_64.iso"


class StoreTestCase(ServerTestCase):
    """A directory, a clock, and the log's news of images' states."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.changes: list[tuple[str, str]] = []
        self.reads = 0
        self.news: DeferredQueue[None] = DeferredQueue()
        observer: Any = self.observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def observe(self, event: LogEvent) -> None:
        if "state" in event:
            self.changes.append((event["version"], event["state"]))
            # Not before whoever logs it goes on to wait.
            trial_reactor().callLater(0, self.news.put, None)

    def read_in_thread(self, read: Callable[..., Any], /, *args: Any, **more: Any) -> Deferred[Any]:
        """Where what is downloaded is read."""
        self.reads += 1
        return run_at_once(read, *args, **more)

    def store(self, *entries: Entry) -> ImageStore:
        return ImageStore(Catalog(entries))

    async def populate(self, store: ImageStore, run_in_thread: Any = run_at_once) -> None:
        """Return once all images are ready."""
        await self.population(store, run_in_thread).bring()

    def population(self, store: ImageStore, run_in_thread: Any = run_at_once) -> Population:
        return Population(
            store,
            Workshop(
                data_dir=self.directory,
                downloader=Downloader(self.agent(), self.clock, run_in_thread),
                clock=self.clock,
                now=self.clock.seconds,
                run_in_thread=run_in_thread,
                read_in_thread=self.read_in_thread,
                limits=LIMITS,
                base_url="http://images.example",
            ),
        )

    def start(self, store: ImageStore, run_in_thread: Any = run_at_once) -> Deferred[None]:
        running = Deferred.fromCoroutine(self.populate(store, run_in_thread))
        running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self.addCleanup(running.cancel)
        return running

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the change of an image's state that makes C{reached} true."""
        while not reached():
            await self.news.get()

    def states(self, store: ImageStore) -> list[str]:
        return [image.state.value for image in store.images]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    async def pass_stall(self, image: OsImage) -> None:
        """Let time pass until the image's origin is given up."""
        while image.state is ImageState.DOWNLOADING:
            self.clock.advance(10)
            await self.turn()

    async def turn(self) -> None:
        await deferLater(trial_reactor(), 0)
