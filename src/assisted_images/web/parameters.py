"""Reading what a request says, and refusing what cannot be meant."""

from __future__ import annotations

import re

from twisted.web.http import Request

from assisted_images.sources.infra_envs import Credential, CredentialKind
from assisted_images.web.problems import Problem

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def query_parameter(request: Request, name: str) -> str | None:
    """The first value of a query parameter; L{None} where it is absent or empty."""
    values = (request.args or {}).get(name.encode(), [b""])
    return values[0].decode("utf-8", "replace") or None


def required_version(request: Request, missing: str) -> str:
    """
    The C{version} query parameter.

    @raise Problem: it is absent; the text is C{missing}.
    """
    version = query_parameter(request, "version")
    if version is None:
        raise Problem(400, missing)
    return version


def checked_infra_env_id(text: str) -> str:
    """
    An infra-env's id as it stands in a path.

    @raise Problem: it is no lower-case UUID.
    """
    if not is_infra_env_id(text):
        # Not shown: some who mistake the route have a token there.
        raise Problem(404, "the infra-env id in the path is wrong; expected a lower-case UUID")
    return text


def is_infra_env_id(text: str) -> bool:
    """Whether C{text} is a lower-case UUID."""
    return _UUID.fullmatch(text) is not None


def shown(text: str) -> str:
    """Text of a client as it may stand in an answer: short, and without control characters."""
    return repr(text if len(text) <= 80 else text[:80] + "…")


def credential_of(
    request: Request, path_kind: CredentialKind = CredentialKind.NONE, path_token: str = ""
) -> Credential:
    """
    What the client proves itself with towards assisted-service: the first of the places that
    section 5 of the contract lists.

    @param path_kind: what the path's token is, where it has one.
    """
    path = {path_kind: path_token}
    for kind, secret in (
        (CredentialKind.API_KEY, path.get(CredentialKind.API_KEY)),
        (CredentialKind.API_KEY, query_parameter(request, "api_key")),
        (CredentialKind.IMAGE_TOKEN, path.get(CredentialKind.IMAGE_TOKEN)),
        (CredentialKind.IMAGE_TOKEN, query_parameter(request, "image_token")),
        (CredentialKind.AUTHORIZATION, request.getHeader("authorization")),
    ):
        if secret:
            return Credential(kind, secret)
    return Credential()
