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
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvSource
from assisted_images.values import Configuration
from httpd.concurrency.joint import JointWork

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
        self._fetches: JointWork[bytes, Lease] = JointWork(self._keep)

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
        if key in self._fetches:
            self._observe(True)
        return await self._fetches.join(
            key, lambda: Deferred.fromCoroutine(self._lender.lease(request))
        )

    def _keep(self, key: bytes, lease: Lease) -> None:
        self._kept.pop(key, None)
        with suppress(ValueError):  # it is larger than all may be
            self._kept[key] = lease

    def _expire(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].holds_at(now):
                break
            del self._kept[oldest]
