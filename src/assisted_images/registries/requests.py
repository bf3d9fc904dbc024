"""GET requests to registries: by which scheme, with which login, and what their refusals mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from assisted_images.oci.auths import PullSecret
from assisted_images.oci.mirrors import Place
from assisted_images.oci.references import PullSpec, registry_host
from assisted_images.registries.challenges import parse_challenges
from assisted_images.registries.logins import Logins
from assisted_images.registries.tokens import Side, no_entry, refused
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.bodies import discard, field_texts, retry_after
from httpd.outbound.failures import DownloadError, status_text
from httpd.outbound.redirects import Unreachable, get
from httpd.urls import web_origin


class Missing(DownloadError):
    """A registry answers, and does not have what was asked for."""


@dataclass(frozen=True, slots=True)
class Agents:
    """What makes connections to registries, and to those that must not be trusted for it."""

    verified: OutboundAgent
    unverified: OutboundAgent


class RegistryRequests:
    """Asks one place after the other, as told, and remembers how each wants to be asked."""

    def __init__(
        self, agents: Agents, clock: IReactorTime, secret: PullSecret, seconds: float
    ) -> None:
        """
        @param seconds: how long a registry may take to begin its answer.
        """
        self._agents = agents
        self._clock = clock
        self._seconds = seconds
        self._logins = Logins(secret, clock, seconds)
        self._schemes: dict[str, str] = {}
        """How insecure registries have answered."""

    async def get(self, place: Place, path: str, what: str, fields: Mapping[str, str]) -> IResponse:
        """
        A response with content, which is C{200} or C{206}.

        @param path: below the repository.
        @param what: is asked for, in words for an error.
        @raise DownloadError: there is none.
        """
        spec, failures = place.spec, []
        for side in self._sides(place):
            try:
                response, answered_by = await self._response(side, spec, path, fields)
            except Unreachable as error:
                self._schemes.pop(spec.registry, None)
                failures.append(str(error))
                continue
            if place.insecure:
                self._schemes[spec.registry] = side.base.partition(":")[0]
            if response.code in {200, 206}:
                return response
            discard(response)
            raise self._refusal(spec, what, response, side.agent.way(answered_by))
        raise Unreachable("; ".join(failures))

    def _sides(self, place: Place) -> Iterator[Side]:
        """
        TLS, and for an insecure registry plain HTTP after it: what tools of the containers/image
        family do.
        """
        registry, host = place.spec.registry, registry_host(place.spec.registry)
        if not place.insecure:
            yield Side(f"https://{host}", self._agents.verified, insecure=False)
            return
        known = self._schemes.get(registry)
        for scheme in (known,) if known else ("https", "http"):
            yield Side(f"{scheme}://{host}", self._agents.unverified, insecure=True)

    async def _response(
        self, side: Side, spec: PullSpec, path: str, fields: Mapping[str, str]
    ) -> tuple[IResponse, str]:
        """
        The response to a request with the login that the registry wants, if it wants one, and the
        URL of who sent it.
        """
        url = f"{side.base}/v2/{spec.repository}/{path}"
        authorization = self._logins.known(side, spec)
        response, answered_by = await self._send(side, url, fields, authorization)
        # A storage server that a redirect led to has no say in who gets our login.
        if response.code != 401 or web_origin(answered_by) != web_origin(url):
            return response, answered_by
        discard(response)
        challenges = parse_challenges(field_texts(response.headers, b"www-authenticate"))
        authorization = await self._logins.authorization(side, spec, challenges)
        return await self._send(side, url, fields, authorization)

    async def _send(
        self, side: Side, url: str, fields: Mapping[str, str], authorization: str | None
    ) -> tuple[IResponse, str]:
        """The response, and the URL of who sent it."""

        def headers(target: str) -> Headers:
            if not (side.insecure or web_origin(target).scheme == "https"):
                # A tag's manifest is as true as the connection that it comes over.
                raise DownloadError(f"{side.base} redirects to plain http; expected https")
            made = Headers()
            for name, value in fields.items():
                made.setRawHeaders(name, [value])
            if authorization is not None and web_origin(target) == web_origin(url):
                made.setRawHeaders("authorization", [authorization])
            return made

        return await get(side.agent, self._clock, self._seconds, url, headers)

    def _refusal(self, spec: PullSpec, what: str, response: IResponse, way: str) -> DownloadError:
        status = response.code
        if status == 401:
            return refused(spec) if self._logins.has_credentials(spec) else no_entry(spec)
        if status == 403:
            secret = "" if self._logins.has_credentials(spec) else "; the pull secret has no entry"
            return DownloadError(f"registry {spec.registry} denies {spec.repository} (403){secret}")
        if status == 404:
            return Missing(f"registry {spec.registry} has no {what} in {spec.repository} (404)")
        return DownloadError(
            f"registry {spec.registry} answers {status_text(status)}{way} for {what} of"
            f" {spec.repository}",
            retry_after(response),
        )
