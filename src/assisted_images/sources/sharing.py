"""
One fetched configuration for many requests: a BMC reads one image by thousands of Range requests,
and an Ignition config with a freshly signed token in it differs on every call.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from assisted_images.sources.infra_envs import (
    ConfigurationRequest,
    CredentialKind,
    InfraEnvSource,
)
from assisted_images.values import Configuration, ImageType

LARGEST_TOTAL = 256 * 1024 * 1024
"""Bytes of configurations that are kept at most; the oldest give way."""


@dataclass(frozen=True, slots=True)
class _Key:
    """Who asks for what; never holds a secret, only its digest."""

    infra_env_id: str
    image_type: ImageType | None
    kind: CredentialKind
    secret_digest: bytes

    @classmethod
    def of(cls, request: ConfigurationRequest) -> _Key:
        credential = request.credential
        digest = hashlib.sha256(credential.secret.encode("utf-8", "surrogatepass")).digest()
        return cls(request.infra_env_id, request.image_type, credential.kind, digest)


@dataclass(frozen=True, slots=True)
class _Kept:
    configuration: Configuration
    until: float
    size: int


class _Fetch:
    """One question under way, and those who wait for its answer."""

    def __init__(self, abandoned: Callable[[], None]) -> None:
        self._abandoned = abandoned
        self._waiting: list[Deferred[Configuration]] = []
        self._result: Configuration | Failure | None = None
        self._running: Deferred[None] | None = None

    def start(self, answer: Deferred[Configuration]) -> None:
        self._running = answer.addBoth(self._finish)

    def join(self) -> Deferred[Configuration]:
        """Fires with the answer; cancelling it leaves, and the last to leave ends the fetch."""
        match self._result:
            case Configuration() as configuration:
                return succeed(configuration)
            case Failure() as failure:
                return fail(failure)
        waiter: Deferred[Configuration] = Deferred(self._leave)
        self._waiting.append(waiter)
        return waiter

    def _leave(self, waiter: Deferred[Configuration]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting and self._running is not None:
            self._abandoned()
            self._running.cancel()

    def _finish(self, result: Configuration | Failure) -> None:
        self._result = result
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)  # a Failure makes it an errback


class SharedConfigurations:
    """
    An L{InfraEnvSource} that asks another one once for all requests that ask for the same with the
    same credential within some seconds.

    All of them get the same object.  Failures are never kept.

    The time runs from the answer's arrival, not from its last use: a client that reads for an hour
    must not keep a configuration alive, nor a credential, that assisted-service has long changed or
    revoked.  So a burst that outlasts the time goes on with another ETag where assisted-service's
    answer has changed; each response is whole bytes of the one configuration that its ETag names,
    and a client that glues responses together has to compare ETags, or to send C{If-Range}
    (RFC 9110, section 15.3.7.3).  For BMCs that do neither, C{CONFIG_SHARE_SECONDS} can be as long
    as an installation boots.
    """

    def __init__(
        self,
        source: InfraEnvSource,
        seconds: float,
        clock: IReactorTime,
        observe: Callable[[bool], None] = lambda shared: None,
        largest_total: int = LARGEST_TOTAL,
    ) -> None:
        """
        @param seconds: how long an answer is kept, from its arrival; 0: nothing is shared.
        @param observe: told of each request whether it was answered without asking the source.
        @param largest_total: bytes of configurations kept at most.
        """
        self._source = source
        self._seconds = seconds
        self._clock = clock
        self._observe = observe
        self._largest_total = largest_total
        self._total = 0
        # In order of arrival, which is the order of expiry.
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._fetches: dict[_Key, _Fetch] = {}

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The configuration, as it was for the first who asked.

        @raise InfraEnvError: as the source raised it.
        """
        if self._seconds <= 0:
            return await self._source.configuration(request)
        self._expire()
        key = _Key.of(request)
        kept = self._kept.get(key)
        if kept is not None:
            self._observe(True)
            return kept.configuration
        self._observe(key in self._fetches)
        fetch = self._fetches.get(key) or self._fetch(key, request)
        return await fetch.join()

    def _fetch(self, key: _Key, request: ConfigurationRequest) -> _Fetch:
        def abandoned() -> None:
            if self._fetches.get(key) is fetch:
                del self._fetches[key]

        def over(result: Configuration | Failure) -> Configuration | Failure:
            # An abandoned fetch may end after its successor has begun.
            if self._fetches.get(key) is fetch:
                del self._fetches[key]
                if isinstance(result, Configuration):
                    self._keep(key, result)
            return result

        fetch = _Fetch(abandoned)
        self._fetches[key] = fetch
        answer = Deferred.fromCoroutine(self._source.configuration(request))
        fetch.start(answer.addBoth(over))
        return fetch

    def _keep(self, key: _Key, configuration: Configuration) -> None:
        arguments = sum(map(len, configuration.kernel_arguments))
        size = len(configuration.ignition) + len(configuration.ramdisk) + arguments
        self._kept[key] = _Kept(configuration, self._clock.seconds() + self._seconds, size)
        self._total += size
        while self._total > self._largest_total:
            self._drop_oldest()

    def _expire(self) -> None:
        now = self._clock.seconds()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, dropped = self._kept.popitem(last=False)
        self._total -= dropped.size
