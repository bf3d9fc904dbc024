"""The client of assisted-service: its three answers, side by side, as one configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from assisted_images.infra_envs.configurations import (
    LARGEST_PART,
    ConfigurationRequest,
    Credential,
    CredentialKind,
    InfraEnvError,
    UnreadableInfraEnv,
    kernel_arguments,
)
from assisted_images.values import Configuration
from httpd.concurrency.coroutines import side_by_side
from httpd.outbound.agent import IOutboundAgent
from httpd.outbound.bodies import BodyTooLarge, discard, http_date, read_body
from httpd.outbound.failures import reason_of, was_cancelled
from httpd.urls import with_parameters

Observer = Callable[[str, str, float], None]
"""Told of each call when it is over: its name, its outcome (a status, C{timeout}, C{unreachable},
C{too-large}, C{cancelled}), and its seconds."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One of assisted-service's resources below C{/v2/infra-envs/{id}}."""

    name: str
    wanted: str
    """What the answer holds, for people."""
    path: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    may_be_empty: bool = False
    """Whether 204 is a success."""


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes = field(default=b"", repr=False)
    last_modified: float | None = None


_RAMDISK = _Call(
    "minimal-initrd", "the static network files", "/downloads/minimal-initrd", may_be_empty=True
)
_INFRA_ENV = _Call("infra-env", "the kernel arguments")


def _ignition(request: ConfigurationRequest) -> _Call:
    parameters = {"file_name": "discovery.ign"}
    if request.image_type is not None:
        parameters["discovery_iso_type"] = request.image_type.value
    return _Call("discovery.ign", "the Ignition config", "/downloads/files", parameters)


class AssistedService:
    """
    An L{InfraEnvSource<assisted_images.infra_envs.configurations.InfraEnvSource>} that asks
    assisted-service.
    """

    def __init__(
        self,
        agent: IOutboundAgent,
        base_url: str,
        clock: IReactorTime,
        seconds: float,
        observe: Observer = lambda call, outcome, seconds: None,
    ) -> None:
        """
        @param base_url: scheme and host, such as C{https://assisted-service:8090}.
        @param seconds: how long one call may take.
        """
        self._agent = agent
        self._root = base_url.rstrip("/") + "/api/assisted-install/v2/infra-envs/"
        self._clock = clock
        self._seconds = seconds
        self._observe = observe

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The infra-env's configuration; what the image has no place for is not asked for.

        @raise InfraEnvError: assisted-service refused (its own status), could not be reached or
            understood (502), was too slow (504), or asks for the impossible (500).
        """
        calls = [_ignition(request)]
        if request.wants_ramdisk:
            calls.append(_RAMDISK)
        if request.wants_kernel_arguments:
            calls.append(_INFRA_ENV)
        answers = await side_by_side(self._observed(call, request) for call in calls)
        by_name = {call.name: answer for call, answer in zip(calls, answers, strict=True)}
        ignition = by_name["discovery.ign"]
        infra_env = by_name.get(_INFRA_ENV.name)
        try:
            arguments = kernel_arguments(infra_env.body) if infra_env else ()
        except UnreadableInfraEnv as error:
            raise InfraEnvError(502, str(error)) from None
        return Configuration(
            ignition=ignition.body,
            ramdisk=by_name.get(_RAMDISK.name, _Answer()).body,
            kernel_arguments=arguments,
            last_modified=ignition.last_modified,
        )

    async def _observed(self, call: _Call, request: ConfigurationRequest) -> _Answer:
        started = self._clock.seconds()
        outcome = "cancelled"

        def decided(name: str) -> None:
            nonlocal outcome
            outcome = name

        try:
            return await self._answer(call, request, decided)
        finally:
            self._observe(call.name, outcome, self._clock.seconds() - started)

    async def _answer(
        self, call: _Call, request: ConfigurationRequest, decided: Callable[[str], None]
    ) -> _Answer:
        def too_slow(result: object, seconds: float) -> NoReturn:
            decided("timeout")
            raise InfraEnvError(
                504,
                f"{call.wanted} could not be had: assisted-service took longer than {seconds:g} s"
                f"{self._way}",
            )

        answer = Deferred.fromCoroutine(self._ask(call, request, decided))
        return await answer.addTimeout(self._seconds, self._clock, too_slow)

    async def _ask(
        self, call: _Call, request: ConfigurationRequest, decided: Callable[[str], None]
    ) -> _Answer:
        try:
            response = await self._send(call, request)
            decided(str(response.code))
            if response.code == 204 and call.may_be_empty:
                return _Answer()
            if response.code != 200:
                discard(response)
                raise _refusal(call, response.code, self._way)
            return _Answer(
                await read_body(response, LARGEST_PART),
                http_date(response.headers, b"last-modified"),
            )
        except InfraEnvError:
            raise
        except BodyTooLarge:
            decided("too-large")
            raise InfraEnvError(
                502, f"{call.wanted} could not be had: more than {LARGEST_PART} bytes"
            ) from None
        except Exception as error:
            if was_cancelled(error):
                decided("cancelled")
                raise CancelledError from None
            decided("unreachable")
            raise InfraEnvError(
                502,
                f"{call.wanted} could not be had from assisted-service{self._way}:"
                f" {reason_of(error)}",
            ) from None

    @property
    def _way(self) -> str:
        return self._agent.way(self._root)

    async def _send(self, call: _Call, request: ConfigurationRequest) -> IResponse:
        credential = request.credential
        parameters = dict(call.parameters)
        if credential.kind is CredentialKind.API_KEY:
            parameters["api_key"] = credential.secret
        url = self._root + quote(request.infra_env_id, safe="") + call.path
        # Not by treq, which asks for gzip, does not notice where that is cut, and whose URLs
        # (hyperlink's to_uri) cannot have IPv6 addresses.
        return await self._agent.request(
            b"GET", with_parameters(url, parameters).encode("ascii"), _headers(credential)
        )


def _headers(credential: Credential) -> Headers:
    headers = Headers()
    if credential.kind is CredentialKind.IMAGE_TOKEN:
        headers.addRawHeader("Image-Token", credential.secret)
    elif credential.kind is CredentialKind.AUTHORIZATION:
        headers.addRawHeader("Authorization", credential.secret)
    return headers


def _refusal(call: _Call, status: int, way: str) -> InfraEnvError:
    # assisted-service's own text is not passed on: it may quote what it was sent.
    return InfraEnvError(
        status if 400 <= status <= 599 else 502,
        f"{call.wanted} could not be had: assisted-service answered {status}{way}",
    )
