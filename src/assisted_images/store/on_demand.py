"""Bringing one OS image to where it can be served while it stays at its origin."""

from __future__ import annotations

from pathlib import Path

from assisted_images.catalog.catalog import Entry
from assisted_images.live.layout import check_os_image, read_layout
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.on_demand.origin import HttpOrigin, NoParts
from assisted_images.store.checks import Limits
from assisted_images.store.derived import ready_from
from assisted_images.store.image_bytes import PartialFile, all_read
from assisted_images.store.preparation import Preparation
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.store.workshop import Workshop
from httpd.concurrency.threads import RunInThread


class OnDemandPreparation(Preparation):
    """
    One image's way to L{ImageState.READY}: what is read of it then is its directories and its boot
    configuration.

    An image that is here as a whole is served as such; one whose origin gives no parts is
    downloaded whole.

    @cvar bounded: whether blocks are taken away where there are too many.
    """

    bounded = True

    def __init__(
        self, image: OsImage, workshop: Workshop, origin: HttpOrigin, images: OnDemandImages
    ) -> None:
        super().__init__(image, workshop)
        self._http_origin = origin
        self._images = images
        self._file: OnDemandFile | None = None

    async def _bring(self) -> None:
        image = self._image
        self._checked = await self._found()
        if self._checked is not None:
            await self._finish(self._checked)
            return
        image.change(ImageState.CHECKING)
        try:
            file = self._file or await self._opened()
        except NoParts as error:
            self._log.warn("{name} is fetched whole: {why}", name=self._target.name, why=str(error))
            image.whole_because = f"it is fetched whole: {error}"
            await super()._bring()
            return
        image.total, image.on_demand = file.size, file
        if file.held.file.is_new:
            await self._forget_derived()
        workshop = self._workshop
        async with workshop.checks:
            ready = await workshop.run_in_thread(
                _ready,
                PartialFile(file, workshop.stop),
                self._target,
                image.entry,
                workshop.limits,
                workshop.base_url,
                workshop.read_in_thread,
            )
        if file is self._file:  # and has not changed meanwhile
            self._tell_ready(ready)

    async def _opened(self) -> OnDemandFile:
        facts = await self._http_origin.facts()
        self._file = await self._images.open(
            self._target, self._http_origin, facts, self._changed, bounded=self.bounded
        )
        return self._file

    def _changed(self) -> None:
        """The origin has another file."""
        self._take_out("its origin has another file")

    def _take_out(self, reason: str) -> None:
        """Serve it no more; whoever reads it is cut."""
        file, self._file = self._file, None
        if file is not None:
            self._image.on_demand = None
            self._image.take_out(reason)
            self._images.close(file, reason)


def _ready(
    image: PartialFile,
    path: Path,
    entry: Entry,
    limits: Limits,
    base_url: str | None,
    read_in_thread: RunInThread,
) -> ReadyImage:
    """
    What a thread does: check what can be checked of a part, and make what is served of it.

    @raise IsoError: it is no OS image.
    @raise OSError: what has to be read cannot be had now.
    """
    least = limits.min_kernel_bytes, limits.min_rootfs_bytes
    with all_read(image):
        with image.open() as file:
            layout = read_layout(file)
        check_os_image(layout, image.source.size, *least)
        return ready_from(image, layout, path, entry, base_url, read_in_thread)
