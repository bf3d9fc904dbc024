"""
One fetched configuration for many requests: a BMC reads one image by thousands of Range requests,
and an Ignition config with a freshly signed token in it differs on every call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from cachetools import FIFOCache
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvSource
from assisted_images.values import Configuration

LARGEST_TOTAL = 256 * 1024 * 1024
"""Bytes of configurations that are kept at most; the oldest give way."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A configuration, and for how long it may be given to all who ask for the same."""

    configuration: Configuration
    since: float
    """Seconds, by the clock of all processes of the service."""
    until: float

    def holds_at(self, now: float) -> bool:
        """Whether it may be given away; not before C{since}: the clock has been set back then."""
        return self.since <= now < self.until


class Lender(Protocol):
    """Answers a question, for all who will ask it."""

    async def lease(self, request: ConfigurationRequest) -> Lease:
        """
        The infra-env's configuration.

        @raise InfraEnvError: there is none to be had; cancelling raises C{CancelledError}.
        """


class FreshConfigurations:
    """A L{Lender} that asks a source each time."""

    def __init__(
        self,
        source: InfraEnvSource,
        seconds: float,
        clock: IReactorTime,
        observe: Callable[[bool], None] = lambda shared: None,
    ) -> None:
        """
        @param seconds: how long an answer may be kept, from its arrival.
        @param observe: told C{False} of each request.
        """
        self._source = source
        self._seconds = seconds
        self._clock = clock
        self._observe = observe

    async def lease(self, request: ConfigurationRequest) -> Lease:
        """
        What the source answers now.

        @raise InfraEnvError: as the source raised it.
        """
        self._observe(False)
        configuration = await self._source.configuration(request)
        now = self._clock.seconds()
        return Lease(configuration, now, now + self._seconds)


def _size(lease: Lease) -> int:
    """About how many bytes of memory it takes."""
    return lease.configuration.size


class _Fetch:
    """One question under way, and those who wait for its answer."""

    def __init__(self, abandoned: Callable[[], None]) -> None:
        self._abandoned = abandoned
        self._waiting: list[Deferred[Lease]] = []
        self._result: Lease | Failure | None = None
        self._running: Deferred[None] | None = None

    def start(self, answer: Deferred[Lease]) -> None:
        self._running = answer.addBoth(self._finish)

    def join(self) -> Deferred[Lease]:
        """Fires with the answer; cancelling it leaves, and the last to leave ends the fetch."""
        match self._result:
            case Lease() as lease:
                return succeed(lease)
            case Failure() as failure:
                return fail(failure)
        waiter: Deferred[Lease] = Deferred(self._leave)
        self._waiting.append(waiter)
        return waiter

    def _leave(self, waiter: Deferred[Lease]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting and self._running is not None:
            self._abandoned()
            self._running.cancel()

    def _finish(self, result: Lease | Failure) -> None:
        self._result = result
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)  # a Failure makes it an errback


class SharedConfigurations:
    """
    An L{InfraEnvSource} that asks a L{Lender} once for all requests that ask for the same with the
    same credential within some seconds.  It lends, too: the other processes of the service ask this
    one's, so that they all have the same.

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
        lender: Lender,
        clock: IReactorTime,
        observe: Callable[[bool], None] = lambda shared: None,
        largest_total: int = LARGEST_TOTAL,
    ) -> None:
        """
        @param observe: told C{True} of each request that is answered without asking the lender.
        @param largest_total: bytes of configurations kept at most.
        """
        self._lender = lender
        self._clock = clock
        self._observe = observe
        # By the questions' digests, which outlast them: no secret is kept.  In order of arrival: of
        # one lender's leases that is the order of expiry, or nearly so.  The library's cache with a
        # time for each takes 6 us longer to look into.
        self._kept: FIFOCache[bytes, Lease] = FIFOCache(largest_total, _size)
        self._fetches: dict[bytes, _Fetch] = {}

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The configuration, as it was for the first who asked.

        @raise InfraEnvError: as the lender raised it.
        """
        return (await self.lease(request)).configuration

    async def lease(self, request: ConfigurationRequest) -> Lease:
        """
        The same, and for how long it is that.

        @raise InfraEnvError: as the lender raised it.
        """
        now = self._clock.seconds()
        key = request.digest
        kept = self._kept.get(key)
        if kept is not None and kept.holds_at(now):
            self._observe(True)
            return kept
        self._expire(now)
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = self._fetch(key, request)
        else:
            self._observe(True)
        return await fetch.join()

    def _fetch(self, key: bytes, request: ConfigurationRequest) -> _Fetch:
        def abandoned() -> None:
            if self._fetches.get(key) is fetch:
                del self._fetches[key]

        def over(result: Lease | Failure) -> Lease | Failure:
            # An abandoned fetch may end after its successor has begun.
            if self._fetches.get(key) is fetch:
                del self._fetches[key]
                if isinstance(result, Lease):
                    self._kept.pop(key, None)
                    with suppress(ValueError):  # it is larger than all may be
                        self._kept[key] = result
            return result

        fetch = _Fetch(abandoned)
        self._fetches[key] = fetch
        answer = Deferred.fromCoroutine(self._lender.lease(request))
        fetch.start(answer.addBoth(over))
        return fetch

    def _expire(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].holds_at(now):
                break
            del self._kept[oldest]
