"""
What an infra-env's configuration makes of an OS image, as contents that can be served.

A BMC reads one discovery image by thousands of requests: composing is done once for all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from assisted_images.iso.compose import discovery_iso, initrd_addrsize, pxe_initrd
from assisted_images.segments import Representation
from assisted_images.store.images import ImageContent
from assisted_images.streaming.threads import RunInThread
from assisted_images.values import Architecture, Configuration, ImageType
from assisted_images.web.respond import Content

ISO = "application/vnd.efi-iso"
"""UEFI HTTP boot takes a URL of this type for an ISO, whatever it ends in."""

OCTETS = "application/octet-stream"

PRIVATE = "private, no-cache"
"""Discovery images hold secrets, and follow their infra-env at once."""

_KEPT = 64


class Customisations:
    """The contents composed last, each of at most a few hundred KiB besides what is on disk."""

    def __init__(self, run_in_thread: RunInThread) -> None:
        self._run_in_thread = run_in_thread
        self._kept: OrderedDict[tuple[object, ...], tuple[ImageContent, Content]] = OrderedDict()

    async def discovery_iso(
        self,
        image: ImageContent,
        image_type: ImageType,
        architecture: Architecture,
        infra_env_id: str,
        configuration: Configuration,
    ) -> Content:
        """The ISO of C{image_type} that carries C{configuration}."""
        disconnected = image_type is ImageType.DISCONNECTED
        name = f"agent-ove.{architecture}.iso" if disconnected else f"{infra_env_id}-discovery.iso"
        return await self._content(
            (image_type, ISO, name),
            image,
            configuration,
            lambda: _iso(image, image_type, configuration),
        )

    async def pxe_initrd(
        self, image: ImageContent, infra_env_id: str, configuration: Configuration
    ) -> Content:
        """The initial ramdisk with C{configuration} appended."""
        return await self._content(
            ("initrd", OCTETS, f"{infra_env_id}-initrd.img"),
            image,
            configuration,
            lambda: pxe_initrd(image.image, image.layout, configuration, image.nmstate),
        )

    async def initrd_addrsize(
        self, image: ImageContent, infra_env_id: str, configuration: Configuration
    ) -> Content:
        """The address and size of that ramdisk, 16 bytes, for an s390x LPAR."""
        initrd = await self.pxe_initrd(image, infra_env_id, configuration)
        return await self._content(
            ("addrsize", OCTETS, f"{infra_env_id}-initrd.addrsize"),
            image,
            configuration,
            lambda: initrd_addrsize(image.layout, initrd.representation.length),
        )

    async def _content(
        self,
        product: tuple[str, str, str],
        image: ImageContent,
        configuration: Configuration,
        compose: Callable[[], Representation],
    ) -> Content:
        """Compose a product (its name, media type and file name), or take it from those kept."""
        # The image is part of the key by identity, so it is kept with the value to stay unique.
        key = (product, id(image), configuration)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]

        def composed() -> Content:
            _, content_type, filename = product
            content = Content(
                compose(), content_type, filename, PRIVATE, configuration.last_modified
            )
            content.validators  # noqa: B018  hashes the new bytes here, off the reactor
            return content

        content = await self._run_in_thread(composed)
        self._kept[key] = image, content
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return content


def _iso(
    image: ImageContent, image_type: ImageType, configuration: Configuration
) -> Representation:
    if image_type is not ImageType.MINIMAL:
        return discovery_iso(image.image, image.layout, configuration)
    assert image.minimal is not None, "looked at when the image was selected"
    return discovery_iso(image.minimal.image, image.minimal.layout, configuration)
