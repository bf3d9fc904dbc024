"""Images that carry an infra-env's configuration, by whichever route they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.infra_envs.configurations import ConfigurationRequest
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
        cls, version: str, architecture: str, configuration: ConfigurationRequest
    ) -> CustomisedImage:
        """
        A discovery image.

        @param configuration: of its type.
        @raise Problem: there is no such architecture.
        """
        image_type = configuration.image_type
        assert image_type is not None, "that would be an initrd"
        image = WantedImage.read(
            version,
            architecture,
            image_type,
            unknown_status=404,
            require=require_minimal if image_type is ImageType.MINIMAL else require_nothing,
        )
        infra_env_id = configuration.infra_env_id
        product = Product.discovery_iso(image_type, image.architecture, infra_env_id)
        return cls(image, configuration, product)

    @classmethod
    def pxe_initrd(cls, image: WantedImage, configuration: ConfigurationRequest) -> CustomisedImage:
        """The initial ramdisk with the configuration appended."""
        return cls(image, configuration, Product.pxe_initrd(configuration.infra_env_id))

    @classmethod
    def initrd_addrsize(
        cls, image: WantedImage, configuration: ConfigurationRequest
    ) -> CustomisedImage:
        """The address and size of that ramdisk, for an s390x LPAR."""
        return cls(image, configuration, Product.initrd_addrsize(configuration.infra_env_id))

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """Get the configuration, and put it into the image."""
        configuration = await application.infra_envs.configuration(self.configuration)
        return await application.customisations.content(self.product, image.ready, configuration)
