"""
Discovery images by path: the routes C{/byid}, C{/byapikey} and C{/bytoken}
(docs/reference/http-api.md, "Routes").
"""

from __future__ import annotations

from collections.abc import Collection

from assisted_images.infra_envs.configurations import ConfigurationRequest, CredentialKind
from assisted_images.infra_envs.tokens import TokenError, infra_env_id
from assisted_images.routes.discovery_images import CustomisedImage
from assisted_images.routes.parameters import (
    Facts,
    Parameters,
    checked_host,
    checked_infra_env_id,
)
from assisted_images.values import ImageType, is_infra_env_id
from httpd.texts import quoted
from httpd.web.problems import Problem

IMAGE_TYPES = {kind.file_name: kind for kind in ImageType}
"""The discovery images, by the file names that ask for them."""


def by_id(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    Read an infra-env's id, version, architecture, perhaps a host, and file name.

    @raise Problem: they make no sense.
    """
    return _image(parameters, facts, CredentialKind.NONE)


def by_api_key(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The same with a token in place of the id, which holds it, and goes to assisted-service as
    C{api_key}.

    @raise Problem: they make no sense.
    """
    return _image(parameters, facts, CredentialKind.API_KEY)


def by_token(parameters: Parameters, facts: Facts) -> CustomisedImage:
    """
    The same with a token that goes to assisted-service as C{Image-Token}.

    @raise Problem: they make no sense.
    """
    return _image(parameters, facts, CredentialKind.IMAGE_TOKEN)


def _image(parameters: Parameters, facts: Facts, kind: CredentialKind) -> CustomisedImage:
    """
    @param kind: what the first part of the path is: L{CredentialKind.NONE} an id, else a token.
    """
    key, version, architecture, *host, file_name = parameters.path
    facts.update(version=version, arch=architecture, file=file_name)
    require_file_name(file_name, IMAGE_TYPES)
    identifier = checked_infra_env_id(key) if kind is CredentialKind.NONE else _id_in(key)
    facts["image_id"] = identifier
    configuration = ConfigurationRequest(
        identifier,
        IMAGE_TYPES[file_name],
        parameters.credential(kind, key),
        checked_host(host, facts),
    )
    return CustomisedImage.discovery(version, architecture, configuration)


def require_file_name(name: str, known: Collection[str]) -> None:
    """
    Check the last part of a path.

    @raise Problem: 404, it is none of those known.
    """
    if name not in known:
        raise Problem(
            404, f"unrecognized file name {quoted(name)}; expected one of {', '.join(known)}"
        )


def _id_in(token: str) -> str:
    try:
        identifier = infra_env_id(token)
    except TokenError as error:
        raise Problem(404, str(error)) from None
    if not is_infra_env_id(identifier):
        raise Problem(404, "the token's infra-env id is wrong; expected a lower-case UUID")
    return identifier
