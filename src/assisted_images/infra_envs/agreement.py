"""
Replicas that agree: what one has fetched of assisted-service, all have, by way of a cache that they
share.  What is asked for by one request after the other is
L{SharedConfigurations<assisted_images.infra_envs.sharing.SharedConfigurations>}', which asks here
once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.infra_envs.sealing import BrokenSeal, Place, Seals
from assisted_images.infra_envs.shared_places import BUSY, LEASE_SECONDS, Left, SharedPlaces
from assisted_images.infra_envs.sharing import Lease, Lender
from httpd.outbound.redis import RedisAway

_T = TypeVar("_T")

LARGEST_SHARED = 2 * 1024 * 1024
"""Bytes: what is larger might not pass in time, and is each replica's own.  Real ones have some
hundred KiB."""

ANSWER_SECONDS = 0.1
"""How long a request waits for an answer of the cache.  It asks twice: what lies there, and, when
it has fetched, whether that counts; to wait for another replica is not to wait for the cache."""

_FIRST_WAIT = 0.01
"""Seconds until one who waits for another replica looks again; twice as many each time."""

_LONGEST_WAIT = 0.2


class Source(StrEnum):
    """Where a configuration came from, for the metrics."""

    SHARED = "shared"
    """Another replica had left it."""
    AWAITED = "awaited"
    """Another replica was fetching it."""
    FETCHED = "fetched"
    """Fetched by this one, for all."""
    ALONE = "alone"
    """Fetched by this one without a lease: the cache was away, late, or had what is of no use."""


class AgreedConfigurations:
    """A L{Lender<assisted_images.infra_envs.sharing.Lender>} that has the same as all replicas."""

    _log = Logger()

    def __init__(
        self,
        lender: Lender,
        places: SharedPlaces,
        seals: Seals,
        clock: IReactorTime,
        patience: float,
        observe: Callable[[Source], None] = lambda source: None,
    ) -> None:
        """
        @param lender: fetches.
        @param patience: seconds that a fetch takes at most: who has waited so long for another
            replica's fetches for itself.
        @param observe: told of each configuration where it came from.
        """
        self._lender = lender
        self._places = places
        self._seals = seals
        self._clock = clock
        self._patience = patience
        self._observe = observe
        self._told = False

    async def lease(self, request: ConfigurationRequest) -> Lease:
        """
        What all replicas have, or this one has where they cannot be asked.

        @raise InfraEnvError: as the lender raised it.
        """
        place = self._seals.place(request)
        try:
            source, lease = await self._look(place)
        except RedisAway:
            source, lease = Source.ALONE, None
        except CancelledError:
            self._places.release(place.name)  # the lease may be on its way
            raise
        self._observe(source)
        return await self._fetch(request, place) if lease is None else lease

    async def _look(self, place: Place) -> tuple[Source, Lease | None]:
        """
        Look, until there is something, or this replica has the lease, or has waited too long.

        @return: L{Source.FETCHED} and nothing: it has the lease.
        @raise RedisAway: it cannot be said.
        """
        until = self._clock.seconds() + self._patience
        wait = 0.0
        while (found := await self._in_time(self._places.look(place.name))) is BUSY:
            if self._clock.seconds() >= until:
                return Source.ALONE, None
            wait = min(2 * wait, _LONGEST_WAIT) or _FIRST_WAIT
            await deferLater(self._clock, wait)
        if found is None:
            return Source.FETCHED, None
        lease = self._opened(place, found)
        if lease is None:
            return Source.ALONE, None
        return Source.AWAITED if wait else Source.SHARED, lease

    async def _fetch(self, request: ConfigurationRequest, place: Place) -> Lease:
        """
        Fetch for all, who wait for as long as the lease is prolonged, where this replica has it.
        """
        holding = LoopingCall(self._places.prolong, place.name)
        holding.clock = self._clock
        holding.start(LEASE_SECONDS / 4, now=False)
        sealed = b""
        try:
            lease = await self._lender.lease(request)
            sealed = place.sealed(lease.configuration)
        finally:
            holding.stop()
            if not 0 < len(sealed) <= LARGEST_SHARED:
                self._places.release(place.name)
        return await self._leave(place, sealed, lease) if len(sealed) <= LARGEST_SHARED else lease

    async def _leave(self, place: Place, sealed: bytes, lease: Lease) -> Lease:
        """
        Leave it to all; where another was first, its counts.  So all agree although a lease was
        lost, or an answer late.
        """
        seconds = lease.until - lease.since
        try:
            found = await self._in_time(self._places.leave(place.name, sealed, seconds))
        except RedisAway:
            return lease
        return (found and self._opened(place, found)) or lease

    async def _in_time(self, asking: Coroutine[Deferred[Any], Any, _T]) -> _T:
        """
        The cache's answer.

        @raise RedisAway: there is none, or not in time.
        """
        try:
            return await Deferred.fromCoroutine(asking).addTimeout(ANSWER_SECONDS, self._clock)
        except TimeoutError:
            raise RedisAway("not in time") from None

    def _opened(self, place: Place, found: Left) -> Lease | None:
        """What another has left; C{None}: it cannot be used."""
        try:
            configuration = place.opened(found.content)
        except BrokenSeal:
            if not self._told:
                self._told = True
                self._log.warn("what lies in Redis has been changed by others, and is not used")
            return None
        return Lease(configuration, self._clock.seconds(), found.until)
