"""The routes below C{/images}: query parameters, the older style (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.routes.application import Application
from assisted_images.routes.discovery_images import Customisations, CustomisedImage, Product
from assisted_images.routes.download import Download
from assisted_images.routes.ipxe_script import ipxe_script
from assisted_images.routes.parameters import About, Parameters, checked_infra_env_id
from assisted_images.routes.selection import WantedImage, require_nmstate
from assisted_images.store.images import OsImage, ReadyImage
from assisted_images.values import Architecture, ImageType
from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content

VERSION_REQUIRED = "'version' parameter required"


@dataclass(frozen=True, slots=True)
class IpxeScript:
    """What boots an infra-env from an image's kernel, initrd and root file system."""

    image: WantedImage
    infra_env_id: str


class Images(Download[CustomisedImage | IpxeScript]):
    """C{/images/{id}}, and the initrd routes and the iPXE script below it."""

    def __init__(
        self, application: Application, customisations: Customisations, *, boot_only: bool
    ) -> None:
        """
        @param boot_only: serve only what boots from plain HTTP: the initrd and the iPXE script.
        """
        super().__init__(application)
        self._customisations = customisations
        self._boot_only = boot_only

    def read(self, parameters: Parameters, about: About) -> CustomisedImage | IpxeScript:
        """Read the path: an infra-env id, and perhaps what of it."""
        match parameters.path:
            case [_] if not self._boot_only:
                about.route = "/images/:imageID"
                return _image(parameters, about)
            case [_, "pxe-initrd"]:
                about.route = "/images/:imageID/pxe-initrd"
                return _initrd(parameters, about)
            case [_, "s390x-initrd-addrsize"] if not self._boot_only:
                about.route = "/images/:imageID/s390x-initrd-addrsize"
                return _addrsize(parameters, about)
            case [_, "ipxe-script"] if self.application.local_infra_envs:
                about.route = "/images/:imageID/ipxe-script"
                return _ipxe_script(parameters, about)
        raise Problem(404, "there is nothing at this path of this listener")

    async def fetch(
        self,
        wanted: CustomisedImage | IpxeScript,
        image: OsImage,
        ready: ReadyImage,
        request: ServiceRequest,
    ) -> Content:
        """Get the configuration, and put it into the image or the script."""
        match wanted:
            case CustomisedImage():
                return await wanted.fetch(self.application, self._customisations, ready)
            case IpxeScript():
                return await ipxe_script(
                    self.application, request, wanted.infra_env_id, image.entry
                )


def _image(parameters: Parameters, about: About) -> CustomisedImage:
    infra_env_id = _infra_env_id(parameters, about)
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


def _initrd(parameters: Parameters, about: About) -> CustomisedImage:
    infra_env_id = _infra_env_id(parameters, about)
    return CustomisedImage(
        _booted_image(parameters, parameters.architecture),
        ConfigurationRequest(infra_env_id, None, parameters.credential()),
        Product.pxe_initrd(infra_env_id),
    )


def _addrsize(parameters: Parameters, about: About) -> CustomisedImage:
    infra_env_id = _infra_env_id(parameters, about)
    return CustomisedImage(
        _booted_image(parameters, Architecture.S390X),
        ConfigurationRequest(infra_env_id, None, parameters.credential()),
        Product.initrd_addrsize(infra_env_id),
    )


def _ipxe_script(parameters: Parameters, about: About) -> IpxeScript:
    infra_env_id = _infra_env_id(parameters, about)
    return IpxeScript(_booted_image(parameters, parameters.architecture), infra_env_id)


def _infra_env_id(parameters: Parameters, about: About) -> str:
    identifier = checked_infra_env_id(parameters.path[0])
    about.facts["image_id"] = identifier
    return identifier


def _booted_image(parameters: Parameters, architecture: str) -> WantedImage:
    """The full image whose kernel and initrd a host boots."""
    return WantedImage.read(
        parameters.version(f"{VERSION_REQUIRED} for initrd download"),
        architecture,
        ImageType.FULL,
        unknown_status=400,
        require=require_nmstate,
    )
