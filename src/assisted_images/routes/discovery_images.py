"""Images that carry an infra-env's configuration, by whichever route they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.infra_envs.configurations import ConfigurationRequest, Credential
from assisted_images.routes.application import Application
from assisted_images.routes.customisations import Product
from assisted_images.routes.selection import (
    SelectedImage,
    WantedImage,
    require_minimal,
    require_nothing,
)
from assisted_images.values import ImageType
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content


@dataclass(frozen=True, slots=True)
class CustomisedImage:
    """An OS image, what configuration goes into it, and what that makes of it."""

    image: WantedImage
    configuration: ConfigurationRequest
    product: Product

    @classmethod
    def discovery(
        cls,
        version: str,
        architecture: str,
        image_type: ImageType,
        infra_env_id: str,
        credential: Credential,
    ) -> CustomisedImage:
        """
        A discovery image.

        @raise Problem: there is no such architecture.
        """
        image = WantedImage.read(
            version,
            architecture,
            image_type,
            unknown_status=404,
            require=require_minimal if image_type is ImageType.MINIMAL else require_nothing,
        )
        return cls(
            image,
            ConfigurationRequest(infra_env_id, image_type, credential),
            Product.discovery_iso(image_type, image.architecture, infra_env_id),
        )

    @classmethod
    def pxe_initrd(
        cls, image: WantedImage, infra_env_id: str, credential: Credential
    ) -> CustomisedImage:
        """The initial ramdisk with the configuration appended."""
        wanted = ConfigurationRequest(infra_env_id, None, credential)
        return cls(image, wanted, Product.pxe_initrd(infra_env_id))

    @classmethod
    def initrd_addrsize(
        cls, image: WantedImage, infra_env_id: str, credential: Credential
    ) -> CustomisedImage:
        """The address and size of that ramdisk, for an s390x LPAR."""
        wanted = ConfigurationRequest(infra_env_id, None, credential)
        return cls(image, wanted, Product.initrd_addrsize(infra_env_id))

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """Get the configuration, and put it into the image."""
        configuration = await application.infra_envs.configuration(self.configuration)
        return await application.customisations.content(self.product, image.ready, configuration)
