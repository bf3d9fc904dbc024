"""
The routes below C{/images}, whose requests say by query parameters what they ask for
(docs/reference/http-api.md, "Parameters").
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from assisted_images.catalog.catalog import Entry
from assisted_images.infra_envs.configurations import ConfigurationRequest
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
    configuration = _configuration(parameters, facts)
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
    configuration = replace(configuration, image_type=ImageType(kind))
    return CustomisedImage.discovery(version, parameters.architecture, configuration)


def initrd(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The initial ramdisk with the configuration appended.

    @raise Problem: it makes no sense.
    """
    configuration = _configuration(parameters, facts)
    image = _booted_image(parameters, parameters.architecture)
    return CustomisedImage.pxe_initrd(image, configuration)


def addrsize(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The address and size of that ramdisk, for an s390x LPAR.

    @raise Problem: it makes no sense.
    """
    configuration = _configuration(parameters, facts)
    image = _booted_image(parameters, Architecture.S390X)
    return CustomisedImage.initrd_addrsize(image, configuration)


def ipxe_script(parameters: Parameters, facts: Facts) -> IpxeScript:
    """
    A script that boots the infra-env.

    @raise Problem: it makes no sense.
    """
    configuration = replace(_configuration(parameters, facts), image_type=ImageType.FULL)
    image = _booted_image(parameters, parameters.architecture)
    return IpxeScript(image, configuration, _initrd_path)


def _initrd_path(script: IpxeScript, entry: Entry) -> str:
    wanted = {"arch": entry.architecture.value, "version": entry.version}
    if script.configuration.host is not None:
        wanted["host"] = script.configuration.host
    return f"/images/{script.configuration.infra_env_id}/pxe-initrd?{urlencode(wanted)}"


def _configuration(parameters: Parameters, facts: Facts) -> ConfigurationRequest:
    """Whose configuration is wanted, as initrds have it."""
    identifier = facts["image_id"] = checked_infra_env_id(parameters.path[0])
    host = parameters.host(facts)
    return ConfigurationRequest(identifier, None, parameters.credential(), host)


def _booted_image(parameters: Parameters, architecture: str) -> WantedImage:
    """The full image whose kernel and initrd a host boots."""
    return WantedImage.read(
        parameters.version(f"{VERSION_REQUIRED} for initrd download"),
        architecture,
        ImageType.FULL,
        unknown_status=400,
    )
