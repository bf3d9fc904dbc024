"""
Token services of registries (the documentation of CNCF distribution, spec/auth/token.md and
spec/auth/oauth.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers

from assisted_images.oci.auths import Credentials
from assisted_images.oci.references import PullSpec
from assisted_images.registries.challenges import Challenge
from assisted_images.values import USER_AGENT
from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import discard, retry_after
from httpd.outbound.credentials import basic_credentials
from httpd.outbound.failures import DownloadError, status_text
from httpd.outbound.redirects import get, post, read_small
from httpd.urls import http_parts, public_url, web_origin, with_parameters

_MOST_ANSWER_BYTES = 1 << 20
_DEFAULT_LIFE = 60.0
"""Seconds that a token is good for where its service says nothing (token.md, "expires_in")."""

_SENDABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Side:
    """
    One way to speak to one registry.

    @ivar base: scheme, host and port: C{https://quay.io}.
    @ivar agent: makes the connections, with the trust that the registry has.
    @ivar insecure: whether it may do without verified TLS.
    """

    base: str
    agent: IOutboundAgent
    insecure: bool


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


_TOKEN_ANSWER = msgspec.json.Decoder(_TokenAnswer)


async def token(
    side: Side,
    spec: PullSpec,
    challenge: Challenge,
    credentials: Credentials | None,
    clock: IReactorTime,
    seconds: float,
) -> tuple[str, float]:
    """
    A token for pulling C{spec}, and the seconds that it is good for.

    @param credentials: who asks; L{None}: anybody.
    @param seconds: how long the service may take to answer.
    @raise DownloadError: there is none.
    """
    realm = _realm(side, spec, challenge, credentials)
    query = {"scope": challenge.parameters.get("scope") or f"repository:{spec.repository}:pull"}
    if service := challenge.parameters.get("service"):
        query["service"] = service
    if credentials is not None and credentials.identity_token:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "client_id": USER_AGENT,
        }
        answered_by = realm
        response = await post(side.agent, clock, seconds, realm, query | form)
    else:
        login = None
        if credentials is not None:
            login = basic_credentials(credentials.user, credentials.password)

        def fields(target: str) -> Headers:
            headers = Headers()
            if login is not None and web_origin(target) == web_origin(realm):
                headers.setRawHeaders("authorization", [login])
            return headers

        url = with_parameters(realm, query)
        response, answered_by = await get(side.agent, clock, seconds, url, fields)
    if response.code in {401, 403}:
        discard(response)
        raise no_entry(spec) if credentials is None else refused(spec)
    if response.code != 200:
        discard(response)
        raise DownloadError(
            f"{status_text(response.code)} for the token service {public_url(realm)}"
            f"{side.agent.way(answered_by)}",
            retry_after(response),
        )
    what = f"the answer of the token service {public_url(realm)}"
    raw = await read_small(response, _MOST_ANSWER_BYTES, clock, seconds, what)
    return _read(raw, realm)


def _read(raw: bytes, realm: str) -> tuple[str, float]:
    """The token in an answer, and the seconds that it is good for."""
    try:
        answer = _TOKEN_ANSWER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = _TokenAnswer()
    value = answer.token or answer.access_token or ""
    if not _SENDABLE.fullmatch(value):
        raise DownloadError(
            f"the token service {public_url(realm)} sent no token; expected JSON with token"
        )
    return value, max(0.0, answer.expires_in or _DEFAULT_LIFE)


def _realm(
    side: Side, spec: PullSpec, challenge: Challenge, credentials: Credentials | None
) -> str:
    """
    The token service's URL.  By plain HTTP a registry with verified TLS may name one for those who
    have no login: the token that it gives can be no more than wrong.

    @raise DownloadError: there is none, or none that a login may be sent to.
    """
    realm = challenge.parameters.get("realm", "")
    parts = http_parts(realm)
    verified = side.base.startswith("https:") and not side.insecure
    sound = parts is not None and (parts.scheme == "https" or not verified or credentials is None)
    if not sound or not _SENDABLE.fullmatch(realm):
        raise DownloadError(
            f"registry {spec.registry} names no token service that can be trusted with a login;"
            " expected an https URL as realm"
        )
    return realm


def no_entry(spec: PullSpec) -> DownloadError:
    """The registry wants a login that nobody has given."""
    return DownloadError(
        f"registry {spec.registry} wants a login for {spec.repository}, and the pull secret has no"
        " matching entry"
    )


def refused(spec: PullSpec) -> DownloadError:
    """The registry does not take the login that was given."""
    return DownloadError(
        f"registry {spec.registry} refuses the login that the pull secret has for {spec.name}"
    )
