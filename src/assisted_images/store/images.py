"""The OS images that are configured, where requests find them."""

from __future__ import annotations

from assisted_images.catalog.catalog import Catalog, UnknownImage
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.values import Architecture, ImageType

__all__ = ["ImageState", "ImageStore", "OsImage", "ReadyImage"]


class ImageStore:
    """
    One L{OsImage} for each image of the catalogue; who brings them is nothing to it.

    @ivar images: all of them, in the catalogue's order.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
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
