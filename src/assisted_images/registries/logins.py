"""
Logging in to registries, as they ask for it: Basic, or Bearer with tokens from a token service
(the documentation of CNCF distribution, spec/auth/token.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from assisted_images.oci.auths import Credentials, PullSecret
from assisted_images.oci.references import PullSpec
from assisted_images.registries.challenges import Challenge
from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import discard
from httpd.outbound.credentials import basic_credentials
from httpd.outbound.failures import DownloadError, status_text
from httpd.outbound.redirects import get, read_small
from httpd.urls import http_parts, public_url, web_origin, with_parameters

_MOST_ANSWER_BYTES = 1 << 20
_DEFAULT_LIFE = 60.0
"""Seconds that a token is good for where its service says nothing (token.md, "expires_in")."""

_USED_LIFE = 0.9
"""Of a token's life: what remains is for the request that it goes with."""

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


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str = field(repr=False)
    until: float


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


_TOKEN_ANSWER = msgspec.json.Decoder(_TokenAnswer)


class Logins:
    """
    C{Authorization} values for one repository each, kept for as long as they are good.

    @ivar seconds: how long a token service may take to answer.
    """

    def __init__(self, secret: PullSecret, clock: IReactorTime, seconds: float) -> None:
        self._secret = secret
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[tuple[str, str], _Kept] = {}

    def has_credentials(self, spec: PullSpec) -> bool:
        """
        Whether the pull secret has an entry for C{spec}.

        @raise DownloadError: it has, and that is wrong.
        """
        return self._credentials(spec) is not None

    def known(self, side: Side, spec: PullSpec) -> str | None:
        """What was right the last time; None when nothing was asked for, or a token is too old."""
        kept = self._kept.get((side.base, spec.repository))
        return kept.value if kept is not None and self._clock.seconds() < kept.until else None

    async def authorization(
        self, side: Side, spec: PullSpec, challenges: Sequence[Challenge]
    ) -> str:
        """
        What answers the first challenge that can be answered.

        @raise DownloadError: none can, or there is no login.
        """
        self._kept.pop((side.base, spec.repository), None)
        credentials = self._credentials(spec)
        challenge = next((one for one in challenges if one.scheme in {"basic", "bearer"}), None)
        if challenge is None:
            raise DownloadError(
                f"registry {spec.registry} wants a login of a kind that is not known here; expected"
                " Basic or Bearer"
            )
        if challenge.scheme == "basic":
            if credentials is None:
                raise no_entry(spec)
            kept = _Kept(_basic(credentials), float("inf"))
        else:
            kept = await self._token(side, spec, challenge, credentials)
        self._kept[side.base, spec.repository] = kept
        return kept.value

    def _credentials(self, spec: PullSpec) -> Credentials | None:
        try:
            return self._secret.credentials(spec)
        except ValueError as error:
            raise DownloadError(f"registry {spec.registry} wants a login, and {error}") from None

    async def _token(
        self, side: Side, spec: PullSpec, challenge: Challenge, credentials: Credentials | None
    ) -> _Kept:
        if credentials is not None and credentials.registry_token:
            return _Kept(f"Bearer {credentials.registry_token}", float("inf"))
        url = _token_url(side, spec, challenge)

        def fields(target: str) -> Headers:
            headers = Headers()
            if credentials is not None and web_origin(target) == web_origin(url):
                headers.setRawHeaders("authorization", [_basic(credentials)])
            return headers

        asked_at = self._clock.seconds()
        response, answered_by = await get(side.agent, self._clock, self._seconds, url, fields)
        if response.code in {401, 403}:
            discard(response)
            raise no_entry(spec) if credentials is None else refused(spec)
        if response.code != 200:
            discard(response)
            raise DownloadError(
                f"{status_text(response.code)} for the token service {public_url(url)}"
                f"{side.agent.way(answered_by)}"
            )
        token, life = await self._answer(url, response)
        return _Kept(f"Bearer {token}", asked_at + _USED_LIFE * life)

    async def _answer(self, url: str, response: IResponse) -> tuple[str, float]:
        """The token in a response, and the seconds that it is good for."""
        what = f"the answer of the token service {public_url(url)}"
        raw = await read_small(response, _MOST_ANSWER_BYTES, self._clock, self._seconds, what)
        try:
            answer = _TOKEN_ANSWER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = _TokenAnswer()
        token = answer.token or answer.access_token or ""
        if not _SENDABLE.fullmatch(token):
            raise DownloadError(
                f"the token service {public_url(url)} sent no token; expected JSON with token"
            )
        return token, max(0.0, answer.expires_in or _DEFAULT_LIFE)


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


def _basic(credentials: Credentials) -> str:
    return basic_credentials(credentials.user, credentials.password)


def _token_url(side: Side, spec: PullSpec, challenge: Challenge) -> str:
    """Where the token is to be had, with the query that asks for pulling."""
    realm = challenge.parameters.get("realm", "")
    parts = http_parts(realm)
    secure = side.base.startswith("https:") and not side.insecure
    sound = parts is not None and (parts.scheme == "https" or not secure)
    if not sound or not _SENDABLE.fullmatch(realm):
        raise DownloadError(
            f"registry {spec.registry} names no token service that can be trusted with a login;"
            " expected an https URL as realm"
        )
    query = {"scope": challenge.parameters.get("scope") or f"repository:{spec.repository}:pull"}
    if service := challenge.parameters.get("service"):
        query["service"] = service
    return with_parameters(realm, query)
