"""
Logging in to registries, as they ask for it: Basic, or Bearer with tokens from a token service
(the documentation of CNCF distribution, spec/auth/token.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from assisted_images.oci.auths import Credentials, PullSecret
from assisted_images.oci.references import PullSpec
from assisted_images.registries.challenges import Challenge
from assisted_images.registries.tokens import Side, no_entry, token
from httpd.outbound.credentials import basic_credentials
from httpd.outbound.failures import DownloadError

_FOR_EVER = float("inf")
_USED_LIFE = 0.9
"""Of a token's life: what remains is for the request that it goes with."""


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str = field(repr=False)
    until: float


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
        failures: list[DownloadError] = []
        for challenge in challenges:
            if challenge.scheme not in {"basic", "bearer"}:
                continue
            try:
                kept = await self._answered(side, spec, challenge, credentials)
            except DownloadError as error:
                failures.append(error)
            else:
                self._kept[side.base, spec.repository] = kept
                return kept.value
        if failures:
            raise failures[0]
        raise DownloadError(
            f"registry {spec.registry} wants a login of a kind that is not known here; expected"
            " Basic or Bearer"
        )

    async def _answered(
        self, side: Side, spec: PullSpec, challenge: Challenge, credentials: Credentials | None
    ) -> _Kept:
        """
        What answers one challenge.

        @raise DownloadError: nothing can.
        """
        if challenge.scheme == "basic":
            if credentials is None or not credentials.password_counts:
                raise no_entry(spec)
            return _Kept(basic_credentials(credentials.user, credentials.password), _FOR_EVER)
        if credentials is not None and credentials.registry_token:
            return _Kept(f"Bearer {credentials.registry_token}", _FOR_EVER)
        asked_at = self._clock.seconds()
        value, life = await token(side, spec, challenge, credentials, self._clock, self._seconds)
        return _Kept(f"Bearer {value}", asked_at + _USED_LIFE * life)

    def _credentials(self, spec: PullSpec) -> Credentials | None:
        try:
            return self._secret.credentials(spec)
        except ValueError as error:
            raise DownloadError(f"registry {spec.registry} wants a login, and {error}") from None
