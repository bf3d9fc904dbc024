"""
What signed URLs lead to: C{/bysig} (docs/reference/http-api.md, "Signed URLs").

A discovery image, or what boots one by PXE, each by a file name in the path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from assisted_images.catalog.catalog import Entry
from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.routes.application import Application
from assisted_images.routes.by_path import IMAGE_TYPES, require_file_name
from assisted_images.routes.discovery_images import CustomisedImage
from assisted_images.routes.download import Wanted
from assisted_images.routes.ipxe_script import InitrdPath, IpxeScript
from assisted_images.routes.parameters import Facts, Parameters, checked_host, checked_infra_env_id
from assisted_images.routes.selection import SelectedImage, WantedImage
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.values import ImageType
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content

BOOT_FILES = {"pxe-initrd": True, "s390x-initrd-addrsize": False, "ipxe-script": True}
"""What boots a discovery image by other ways, and whether a plain listener has it."""

_FILES = (*IMAGE_TYPES, *BOOT_FILES)


@dataclass(frozen=True, slots=True)
class Expiring:
    """What is L{Wanted} for as long as a URL holds; a download that has begun goes on."""

    wanted: Wanted
    urls: SignedUrls
    expiry: int

    @property
    def image(self) -> WantedImage:
        """The OS image that it is made of."""
        return self.wanted.image

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """
        Make it of the image.

        @raise Problem: 410, the URL holds no more; or as what is wanted raises it.
        """
        self.urls.require_holds(self.expiry)
        return await self.wanted.fetch(application, image, request)


def by_signature(
    urls: SignedUrls, file: tuple[str, ...], parameters: Parameters, facts: Facts
) -> Expiring:
    """
    Read a signed path.

    @param file: its last part, where that is no parameter of the route.
    @raise Problem: 403, it is not as it was signed; or it makes no sense.
    """
    signature, *parts = *parameters.path, *file
    expiry = urls.expiry(signature, parts)
    return Expiring(
        what_is_signed(parts, facts, partial(_signed_initrd, urls, expiry)), urls, expiry
    )


def what_is_signed(parts: Sequence[str], facts: Facts, initrd: InitrdPath) -> Wanted:
    """
    What the parts of a path lead to, behind the signature.

    @param initrd: where a script loads the initrd from.
    @raise Problem: they make no sense.
    """
    key, version, architecture, *host, file_name = parts
    facts.update(version=version, arch=architecture, file=file_name)
    infra_env_id = facts["image_id"] = checked_infra_env_id(key)
    require_file_name(file_name, _FILES)
    configuration = ConfigurationRequest(
        infra_env_id, IMAGE_TYPES.get(file_name), host=checked_host(host, facts)
    )
    if file_name in IMAGE_TYPES:
        return CustomisedImage.discovery(version, architecture, configuration)
    image = WantedImage.read(version, architecture, ImageType.FULL, unknown_status=404)
    match file_name:
        case "pxe-initrd":
            return CustomisedImage.pxe_initrd(image, configuration)
        case "s390x-initrd-addrsize":
            return CustomisedImage.initrd_addrsize(image, configuration)
    return IpxeScript(image, replace(configuration, image_type=ImageType.FULL), initrd)


def _signed_initrd(urls: SignedUrls, expiry: int, script: IpxeScript, entry: Entry) -> str:
    """It holds as long as the script."""
    whose = script.configuration
    parts = [whose.infra_env_id, entry.version, entry.architecture, "pxe-initrd"]
    if whose.host is not None:
        parts.insert(-1, whose.host)
    return urls.path(parts, expiry)
