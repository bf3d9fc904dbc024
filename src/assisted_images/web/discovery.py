"""
The routes C{/byid}, C{/byapikey} and C{/bytoken}: discovery images by path (contract, section 4).
"""

from __future__ import annotations

from functools import partial

from assisted_images.sources.infra_envs import ConfigurationRequest, CredentialKind
from assisted_images.store.images import ImageContent
from assisted_images.tokens import TokenError, infra_env_id
from assisted_images.values import Architecture, ImageType
from assisted_images.web.application import Application
from assisted_images.web.customised import Customisations
from assisted_images.web.download import Download, Preparation
from assisted_images.web.parameters import (
    checked_infra_env_id,
    credential_of,
    is_infra_env_id,
    shown,
)
from assisted_images.web.problems import Problem
from assisted_images.web.respond import Content
from assisted_images.web.selection import require_minimal, select_image
from assisted_images.web.site import ServiceRequest

_TYPES = {kind.file_name: kind for kind in ImageType}


class ImagesByPath(Download):
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

    def select(self, request: ServiceRequest) -> Preparation:
        """Read the path: whose image, of which version and architecture, as which file."""
        request.observe_as(self._route)
        match request.path_below:
            case [key, version, architecture, file_name]:
                request.facts.update(version=version, arch=architecture, file=file_name)
            case _:
                raise Problem(404, "expected a path of id, version, architecture and file name")
        if file_name not in _TYPES:
            raise Problem(
                404,
                f"unrecognized file name {shown(file_name)}; expected one of {', '.join(_TYPES)}",
            )
        identifier = self._infra_env_id(key)
        request.facts["image_id"] = identifier
        return discovery_image(
            self.application,
            self._customisations,
            version,
            architecture,
            ConfigurationRequest(
                identifier, _TYPES[file_name], credential_of(request, self.kind, key)
            ),
        )

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


def discovery_image(
    application: Application,
    customisations: Customisations,
    version: str,
    architecture: str,
    wanted: ConfigurationRequest,
) -> Preparation:
    """
    Find the OS image for a discovery image, by whatever route it is asked for.

    @return: what fetches the configuration and splices it in.
    @raise Problem: there is no such image, or not yet.
    """
    assert wanted.image_type is not None, "None is for initrd routes"
    image, content = select_image(
        application.store,
        version,
        architecture,
        wanted.image_type,
        unknown_status=404,
        now=application.clock.seconds(),
    )
    if wanted.image_type is ImageType.MINIMAL:
        require_minimal(image, content)
    return partial(
        _customise, application, customisations, content, image.entry.architecture, wanted
    )


async def _customise(
    application: Application,
    customisations: Customisations,
    image: ImageContent,
    architecture: Architecture,
    wanted: ConfigurationRequest,
) -> Content:
    assert wanted.image_type is not None
    configuration = await application.infra_envs.configuration(wanted)
    return await customisations.discovery_iso(
        image, wanted.image_type, architecture, wanted.infra_env_id, configuration
    )
