"""
What an infra-env's configuration makes of an OS image, as contents that can be served.

A BMC reads one discovery image by thousands of requests: composing is done once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from cachetools import LRUCache

from assisted_images.live.compose import discovery_iso, initrd_addrsize, pxe_initrd
from assisted_images.routes.selection import missing
from assisted_images.store.images import ReadyImage
from assisted_images.values import Architecture, Configuration, ImageType
from httpd.concurrency.threads import RunInThread
from httpd.representation.segments import Representation
from httpd.web.respond import Content

ISO = "application/vnd.efi-iso"
"""UEFI HTTP boot takes a URL of this type for an ISO, whatever it ends in."""

OCTETS = "application/octet-stream"

PRIVATE = "private, no-cache"
"""Discovery images hold secrets, and follow their infra-env at once."""

LARGEST_TOTAL = 128 * 1024 * 1024
"""
Bytes of memory that what is kept takes at most; what was asked for longest ago gives way.  With a
configuration of some hundred KiB a content takes about twice as much.
"""


class _Kept(NamedTuple):
    """Something composed, and what it was made of, which stays itself for as long."""

    image: ReadyImage
    content: Content
    configuration: Configuration

    def size(self) -> int:
        """About how many bytes of memory it takes besides the image, which others have, too."""
        return self.configuration.size + self.content.representation.bytes_in_memory


class Product(NamedTuple):
    """Something that is made of an OS image and a configuration."""

    compose: Callable[[ReadyImage, Configuration], Representation]
    content_type: str
    filename: str

    @classmethod
    def discovery_iso(
        cls, image_type: ImageType, architecture: Architecture, infra_env_id: str
    ) -> Product:
        """The ISO of a type."""
        if image_type is ImageType.DISCONNECTED:
            return cls(_iso, ISO, f"agent-ove.{architecture}.iso")
        compose = _minimal_iso if image_type is ImageType.MINIMAL else _iso
        return cls(compose, ISO, f"{infra_env_id}-discovery.iso")

    @classmethod
    def pxe_initrd(cls, infra_env_id: str) -> Product:
        """The initial ramdisk with the configuration appended."""
        return cls(_initrd, OCTETS, f"{infra_env_id}-initrd.img")

    @classmethod
    def initrd_addrsize(cls, infra_env_id: str) -> Product:
        """The address and size of that ramdisk, 16 bytes, for an s390x LPAR."""
        return cls(_addrsize, OCTETS, f"{infra_env_id}-initrd.addrsize")


class Customisations:
    """The contents composed last, each of at most a few hundred KiB besides what is on disk."""

    def __init__(self, run_in_thread: RunInThread, largest_total: int = LARGEST_TOTAL) -> None:
        """
        @param largest_total: bytes that are kept at most.
        """
        self._run_in_thread = run_in_thread
        self._kept: LRUCache[tuple[object, ...], _Kept] = LRUCache(largest_total, _Kept.size)

    async def content(
        self, product: Product, image: ReadyImage, configuration: Configuration
    ) -> Content:
        """Compose a product, or take it from those kept."""
        # The image is part of the key by identity, so it is kept with the value to stay unique.  A
        # configuration that is not shared is another object each time.
        key = (product, id(image), configuration)
        try:  # the library's get looks twice
            return self._kept[key].content
        except KeyError:
            content = await self._run_in_thread(_composed, product, image, configuration)
        with suppress(ValueError):  # it is larger than all may be
            self._kept[key] = _Kept(image, content, configuration)
        return content


def _composed(product: Product, image: ReadyImage, configuration: Configuration) -> Content:
    content = Content(
        product.compose(image, configuration),
        product.content_type,
        product.filename,
        PRIVATE,
        configuration.last_modified,
    )
    content.validators  # noqa: B018  hashes the new bytes here, off the reactor
    return content


def _iso(image: ReadyImage, configuration: Configuration) -> Representation:
    return discovery_iso(image.image, image.layout, configuration)


def _minimal_iso(image: ReadyImage, configuration: Configuration) -> Representation:
    assert image.minimal is not None, "looked at when the image was selected"
    return discovery_iso(image.minimal.image, image.minimal.layout, configuration)


def _initrd(image: ReadyImage, configuration: Configuration) -> Representation:
    """
    With C{nmstatectl} for a ramdisk that has a static network, which it is there to set up.

    @raise Problem: it is wanted, and the image has none.
    """
    if configuration.ramdisk and image.nmstate_missing is not None:
        raise missing("initrd with a static network", image.nmstate_missing)
    nmstate = image.nmstate if configuration.ramdisk else None
    return pxe_initrd(image.image, image.layout, configuration, nmstate)


def _addrsize(image: ReadyImage, configuration: Configuration) -> Representation:
    return initrd_addrsize(image.layout, _initrd(image, configuration).length)
