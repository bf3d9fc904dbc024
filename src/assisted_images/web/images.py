"""The routes below C{/images}: query parameters, the older style (contract, section 4)."""

from __future__ import annotations

from functools import partial

from assisted_images.sources.infra_envs import ConfigurationRequest
from assisted_images.store.images import ImageContent, OsImage
from assisted_images.values import Architecture, ImageType
from assisted_images.web.application import Application
from assisted_images.web.customised import Customisations
from assisted_images.web.discovery import discovery_image
from assisted_images.web.download import Download, Preparation
from assisted_images.web.ipxe import ipxe_script
from assisted_images.web.parameters import (
    checked_infra_env_id,
    credential_of,
    query_parameter,
    required_version,
    shown,
)
from assisted_images.web.problems import Problem
from assisted_images.web.respond import Content
from assisted_images.web.selection import require_nmstate, select_image
from assisted_images.web.site import ServiceRequest

VERSION_REQUIRED = "'version' parameter required"


class Images(Download):
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

    def select(self, request: ServiceRequest) -> Preparation:
        """Read the path: an infra-env id, and perhaps what of it."""
        match request.path_below:
            case [_] if not self._boot_only:
                request.observe_as("/images/:imageID")
                return self._image(request)
            case [_, "pxe-initrd"]:
                request.observe_as("/images/:imageID/pxe-initrd")
                return self._initrd(request)
            case [_, "s390x-initrd-addrsize"] if not self._boot_only:
                request.observe_as("/images/:imageID/s390x-initrd-addrsize")
                return self._addrsize(request)
            case [_, "ipxe-script"] if self.application.local_infra_envs:
                request.observe_as("/images/:imageID/ipxe-script")
                return self._ipxe_script(request)
        raise Problem(404, "there is nothing at this path of this listener")

    def _image(self, request: ServiceRequest) -> Preparation:
        infra_env_id = _infra_env_id(request)
        version = required_version(request, VERSION_REQUIRED)
        kind = query_parameter(request, "type")
        if kind is None:
            raise Problem(400, "'type' parameter required")
        if kind not in ImageType.__members__.values():
            raise Problem(
                400,
                f"invalid value {shown(kind)} for parameter 'type';"
                f" expected one of {', '.join(ImageType)}",
            )
        return discovery_image(
            self.application,
            self._customisations,
            version,
            query_parameter(request, "arch") or Architecture.X86_64,
            ConfigurationRequest(infra_env_id, ImageType(kind), credential_of(request)),
        )

    def _initrd(self, request: ServiceRequest) -> Preparation:
        wanted = ConfigurationRequest(_infra_env_id(request), None, credential_of(request))
        _, content = self._booted_image(request, query_parameter(request, "arch"))
        return partial(self._fetch_initrd, content, wanted)

    def _addrsize(self, request: ServiceRequest) -> Preparation:
        wanted = ConfigurationRequest(_infra_env_id(request), None, credential_of(request))
        _, content = self._booted_image(request, Architecture.S390X)
        return partial(self._fetch_addrsize, content, wanted)

    def _ipxe_script(self, request: ServiceRequest) -> Preparation:
        infra_env_id = _infra_env_id(request)
        image, _ = self._booted_image(request, query_parameter(request, "arch"))
        return partial(ipxe_script, self.application, request, infra_env_id, image.entry)

    def _booted_image(
        self, request: ServiceRequest, architecture: str | None
    ) -> tuple[OsImage, ImageContent]:
        """The full image whose kernel and initrd a host boots."""
        version = required_version(request, f"{VERSION_REQUIRED} for initrd download")
        image, content = select_image(
            self.application.store,
            version,
            architecture or Architecture.X86_64,
            ImageType.FULL,
            unknown_status=400,
            now=self.application.clock.seconds(),
        )
        require_nmstate(content)
        return image, content

    async def _fetch_initrd(self, image: ImageContent, wanted: ConfigurationRequest) -> Content:
        configuration = await self.application.infra_envs.configuration(wanted)
        return await self._customisations.pxe_initrd(image, wanted.infra_env_id, configuration)

    async def _fetch_addrsize(self, image: ImageContent, wanted: ConfigurationRequest) -> Content:
        configuration = await self.application.infra_envs.configuration(wanted)
        return await self._customisations.initrd_addrsize(image, wanted.infra_env_id, configuration)


def _infra_env_id(request: ServiceRequest) -> str:
    identifier = checked_infra_env_id(request.path_below[0])
    request.facts["image_id"] = identifier
    return identifier
