"""
Images that carry an infra-env's configuration, and the routes C{/byid}, C{/byapikey} and
C{/bytoken}: discovery images by path (contract, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    Credential,
    CredentialKind,
)
from assisted_images.infra_envs.tokens import TokenError, infra_env_id
from assisted_images.store.images import ImageContent, OsImage
from assisted_images.values import ImageType
from assisted_images.web.application import Application
from assisted_images.web.customised import Customisations, Product
from assisted_images.web.download import Download
from assisted_images.web.parameters import (
    Parameters,
    checked_infra_env_id,
    is_infra_env_id,
    shown,
)
from assisted_images.web.problems import Problem
from assisted_images.web.questions import About
from assisted_images.web.request import ServiceRequest
from assisted_images.web.respond import Content
from assisted_images.web.selection import WantedImage, require_minimal, require_nothing

_TYPES = {kind.file_name: kind for kind in ImageType}


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
        A discovery image, by whatever route it is asked for.

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

    async def fetch(
        self, application: Application, customisations: Customisations, image: ImageContent
    ) -> Content:
        """Get the configuration, and put it into the image."""
        configuration = await application.infra_envs.configuration(self.configuration)
        return await customisations.content(self.product, image, configuration)


class ImagesByPath(Download[CustomisedImage]):
    """
    C{/by…/{id or token}/{version}/{arch}/{file}}.

    @ivar kind: what the first part is: L{CredentialKind.NONE} an id, else a token that holds one.
    """

    def __init__(
        self,
        application: Application,
        customisations: Customisations,
        route: str,
        kind: CredentialKind = CredentialKind.NONE,
    ) -> None:
        super().__init__(application)
        self._customisations = customisations
        self._route = route
        self.kind = kind

    def read(self, parameters: Parameters, about: About) -> CustomisedImage:
        """Read the path: whose image, of which version and architecture, as which file."""
        about.route = self._route
        match parameters.path:
            case [key, version, architecture, file_name]:
                about.facts.update(version=version, arch=architecture, file=file_name)
            case _:
                raise Problem(404, "expected a path of id, version, architecture and file name")
        if file_name not in _TYPES:
            raise Problem(
                404,
                f"unrecognized file name {shown(file_name)}; expected one of {', '.join(_TYPES)}",
            )
        identifier = self._infra_env_id(key)
        about.facts["image_id"] = identifier
        return CustomisedImage.discovery(
            version,
            architecture,
            _TYPES[file_name],
            identifier,
            parameters.credential(self.kind, key),
        )

    async def fetch(
        self,
        wanted: CustomisedImage,
        image: OsImage,
        content: ImageContent,
        request: ServiceRequest,
    ) -> Content:
        """Get the configuration, and put it into the image."""
        return await wanted.fetch(self.application, self._customisations, content)

    def _infra_env_id(self, key: str) -> str:
        if self.kind is CredentialKind.NONE:
            return checked_infra_env_id(key)
        try:
            identifier = infra_env_id(key)
        except TokenError as error:
            raise Problem(404, str(error)) from None
        if not is_infra_env_id(identifier):
            raise Problem(404, "the token's infra-env id is wrong; expected a lower-case UUID")
        return identifier
