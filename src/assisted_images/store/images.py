"""The OS images that are configured: where requests find them, and how they get there."""

from __future__ import annotations

from twisted.logger import Logger

from assisted_images.catalog.catalog import Catalog, UnknownImage
from assisted_images.store.files import remove_unaccounted
from assisted_images.store.populate import Preparation, Workshop
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.values import Architecture, ImageType
from httpd.concurrency.coroutines import side_by_side
from httpd.texts import os_error_text

__all__ = ["ImageState", "ImageStore", "OsImage", "ReadyImage"]


class ImageStore:
    """
    One L{OsImage} for each image of the catalogue.

    @ivar images: all of them, in the catalogue's order.
    """

    _log = Logger()

    def __init__(self, catalog: Catalog, workshop: Workshop | None = None) -> None:
        """
        @param workshop: C{None}: another process brings the images.
        """
        self._catalog = catalog
        self._workshop = workshop
        self.images: tuple[OsImage, ...] = tuple(map(OsImage, catalog.images))
        self._by_key = {image.entry.key: image for image in self.images}

    def find(self, version_key: str, architecture: Architecture, image_type: ImageType) -> OsImage:
        """
        The image that a request means; a minimal ISO is made of the full one.  Where the catalogue
        does not have the version, it may be the one that a ready image names itself: of an image
        out of a release payload the catalogue has only the release's.

        @raise UnknownImage: none such is configured.
        """
        try:
            return self._by_key[self._catalog.find(version_key, architecture, image_type).key]
        except UnknownImage:
            for image in self.images:
                if image.rhcos_version == version_key and image.has(architecture, image_type):
                    return image
            raise

    @property
    def ready(self) -> bool:
        """Whether every image is ready."""
        return all(image.state is ImageState.READY for image in self.images)

    async def populate(self) -> None:
        """
        Bring every image to where it can be served; returns when all are.

        An image that fails is tried again for as long as this runs.  To end it, cancel its
        Deferred: downloads stop, and what has arrived is kept.
        """
        workshop = self._workshop
        if workshop is None:
            raise ValueError("another process brings the images; expected a Workshop")
        try:
            await self._remove_unaccounted(workshop)
            await side_by_side(Preparation(image, workshop).run() for image in self.images)
        finally:
            workshop.stop.set()

    async def _remove_unaccounted(self, workshop: Workshop) -> None:
        data_dir = workshop.data_dir
        try:
            removals = await workshop.run_in_thread(
                remove_unaccounted, data_dir, self._catalog.images
            )
        except OSError as error:
            # Each image will say so, too, until DATA_DIR is there.
            self._log.error(
                "{data_dir} cannot be read: {reason}",
                data_dir=data_dir,
                reason=os_error_text(error),
            )
            return
        for removal in removals:
            if removal.failure is None:
                text = "{name} was removed: no configured image needs it"
            else:
                text = "{name} cannot be removed, although no configured image needs it: {reason}"
            self._log.info(text, name=removal.name, reason=removal.failure)
