"""
Images that carry an infra-env's configuration, and the routes C{/byid}, C{/byapikey} and
C{/bytoken}: discovery images by path (contract, section 4).
"""

from __future__ import annotations

from assisted_images.infra_envs.configurations import (
    CredentialKind,
)
from assisted_images.infra_envs.tokens import TokenError, infra_env_id
from assisted_images.routes.application import Application
from assisted_images.routes.discovery_images import Customisations, CustomisedImage
from assisted_images.routes.download import Download
from assisted_images.routes.parameters import (
    About,
    Parameters,
    checked_infra_env_id,
)
from assisted_images.store.images import OsImage, ReadyImage
from assisted_images.values import ImageType, is_infra_env_id
from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content

_TYPES = {kind.file_name: kind for kind in ImageType}


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
                f"unrecognized file name {quoted(file_name)}; expected one of {', '.join(_TYPES)}",
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
        ready: ReadyImage,
        request: ServiceRequest,
    ) -> Content:
        """Get the configuration, and put it into the image."""
        return await wanted.fetch(self.application, self._customisations, ready)

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
