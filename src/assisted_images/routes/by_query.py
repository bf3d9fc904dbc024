"""
The routes below C{/images}, whose requests say by query parameters what they ask for
(docs/reference/http-api.md, "Parameters").
"""

from __future__ import annotations

from urllib.parse import urlencode

from assisted_images.catalog.catalog import Entry
from assisted_images.routes.discovery_images import CustomisedImage
from assisted_images.routes.ipxe_script import IpxeScript
from assisted_images.routes.parameters import (
    VERSION_REQUIRED,
    Facts,
    Parameters,
    checked_infra_env_id,
)
from assisted_images.routes.selection import WantedImage
from assisted_images.values import Architecture, ImageType
from httpd.texts import quoted
from httpd.web.problems import Problem


def image(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    A discovery image.

    @raise Problem: it makes no sense.
    """
    infra_env_id = _infra_env_id(parameters, facts)
    version = parameters.version(VERSION_REQUIRED)
    kind = parameters.parameter("type")
    if kind is None:
        raise Problem(400, "'type' parameter required")
    if kind not in ImageType.__members__.values():
        raise Problem(
            400,
            f"invalid value {quoted(kind)} for parameter 'type';"
            f" expected one of {', '.join(ImageType)}",
        )
    return CustomisedImage.discovery(
        version, parameters.architecture, ImageType(kind), infra_env_id, parameters.credential()
    )


def initrd(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The initial ramdisk with the configuration appended.

    @raise Problem: it makes no sense.
    """
    infra_env_id = _infra_env_id(parameters, facts)
    image = _booted_image(parameters, parameters.architecture)
    return CustomisedImage.pxe_initrd(image, infra_env_id, parameters.credential())


def addrsize(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The address and size of that ramdisk, for an s390x LPAR.

    @raise Problem: it makes no sense.
    """
    infra_env_id = _infra_env_id(parameters, facts)
    image = _booted_image(parameters, Architecture.S390X)
    return CustomisedImage.initrd_addrsize(image, infra_env_id, parameters.credential())


def ipxe_script(parameters: Parameters, facts: Facts) -> IpxeScript:
    """
    A script that boots the infra-env.

    @raise Problem: it makes no sense.
    """
    infra_env_id = _infra_env_id(parameters, facts)
    image = _booted_image(parameters, parameters.architecture)
    return IpxeScript(image, infra_env_id, _initrd_path)


def _initrd_path(script: IpxeScript, entry: Entry) -> str:
    query = urlencode({"arch": entry.architecture.value, "version": entry.version})
    return f"/images/{script.infra_env_id}/pxe-initrd?{query}"


def _infra_env_id(parameters: Parameters, facts: Facts) -> str:
    identifier = checked_infra_env_id(parameters.path[0])
    facts["image_id"] = identifier
    return identifier


def _booted_image(parameters: Parameters, architecture: str) -> WantedImage:
    """The full image whose kernel and initrd a host boots."""
    return WantedImage.read(
        parameters.version(f"{VERSION_REQUIRED} for initrd download"),
        architecture,
        ImageType.FULL,
        unknown_status=400,
    )
