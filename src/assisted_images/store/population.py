"""Bringing the OS images to where requests find them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.logger import Logger

from assisted_images.store.background import BackgroundPreparation
from assisted_images.store.files import remove_unaccounted
from assisted_images.store.images import ImageStore
from assisted_images.store.on_demand import OnDemandPreparation
from assisted_images.store.preparation import Preparation
from assisted_images.store.states import OsImage
from assisted_images.store.workshop import Workshop
from assisted_images.values import ImageFetch
from httpd.concurrency.coroutine_service import Background
from httpd.concurrency.coroutines import side_by_side
from httpd.texts import os_error_text


class Population(Background):
    """Brings every image of a store to where it can be served, and keeps it there."""

    failed = "OS images cannot be prepared"
    _log = Logger()

    def __init__(self, store: ImageStore, workshop: Workshop) -> None:
        """
        @param workshop: for this alone: once it has ended, no more can be made there.
        """
        self._store = store
        self._workshop = workshop

    async def run(self) -> None:
        """
        Bring them there, and again where somebody changes their files; never returns.

        An image that fails is tried again for as long as this runs.  Once its Deferred is
        cancelled downloads stop, and what has arrived is kept.
        """
        await self._for_each(Preparation.keep)

    async def bring(self) -> None:
        """As L{run}, but return when all are ready."""
        await self._for_each(Preparation.run)

    async def fetch(self, most_failures: int) -> None:
        """
        As L{bring}, beside a service that may run there with other images, whose files stay; and an
        image that fails so often in a row is given up.
        """
        await self._for_each(lambda one: one.run(most_failures), alone=False)

    async def _for_each(
        self, what: Callable[[Preparation], Coroutine[Any, Any, None]], *, alone: bool = True
    ) -> None:
        workshop = self._workshop
        try:
            if alone:
                await self._remove_unaccounted()
            await side_by_side(what(_preparation(image, workshop)) for image in self._store.images)
        finally:
            workshop.stop.set()

    async def _remove_unaccounted(self) -> None:
        data_dir = self._workshop.data_dir
        entries = [image.entry for image in self._store.images]
        try:
            removals = await self._workshop.run_in_thread(remove_unaccounted, data_dir, entries)
            if not await self._workshop.run_in_thread(os.access, data_dir, os.W_OK):
                self._log.warn(
                    "{data_dir} may not be written: images that are there are served, others cannot"
                    " be downloaded",
                    data_dir=data_dir,
                )
        except OSError as error:
            # Each image will say so, too, until DATA_DIR is there.
            reason = os_error_text(error)
            self._log.error("{data_dir} cannot be read: {reason}", data_dir=data_dir, reason=reason)
            return
        for removal in removals:
            if removal.failure is None:
                text = "{name} was removed: no configured image needs it"
            else:
                text = "{name} cannot be removed, although no configured image needs it: {reason}"
            self._log.info(text, name=removal.name, reason=removal.failure)


def _preparation(image: OsImage, workshop: Workshop) -> Preparation:
    """One image's way; those out of release payloads are always fetched whole."""
    entry, images = image.entry, workshop.on_demand
    kind = _PREPARATIONS.get(entry.fetch or workshop.fetch)
    if images is None or entry.release is not None or kind is None:
        return Preparation(image, workshop)
    return kind(image, workshop, workshop.origin_of_parts(entry), images)


_PREPARATIONS = {
    ImageFetch.ON_DEMAND: OnDemandPreparation,
    ImageFetch.BACKGROUND: BackgroundPreparation,
}
