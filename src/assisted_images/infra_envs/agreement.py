"""
Replicas that agree: what one has fetched of assisted-service, all have, by way of a cache that they
share.  What is asked for by one request after the other is
L{SharedConfigurations<assisted_images.infra_envs.sharing.SharedConfigurations>}', which asks here
once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.infra_envs.sealing import BrokenSeal, Place, Seals
from assisted_images.infra_envs.shared_places import BUSY, LEASE_SECONDS, Left, SharedPlaces
from assisted_images.infra_envs.sharing import Lease, Lender
from httpd.outbound.redis import RedisAway

LARGEST_SHARED = 2 * 1024 * 1024
"""Bytes: what is larger might not pass in time, and is each replica's own.  Real ones have some
hundred KiB."""

_LEAVE_SECONDS = 0.05
"""How long a request waits to hear that its configuration is the one that counts.  With an answer's
time it makes the 0.2 s that a request waits for the cache at most."""

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
    """Fetched by this one for itself: the cache was away, or had nothing that could be used."""


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
            awaited, found = await self._look(place)
        except RedisAway:
            return await self._alone(request)
        except CancelledError:
            self._places.release(place.name)  # the lease may be on its way
            raise
        if found is None:
            return await self._fetch(request, place)
        lease = self._opened(place, found)
        if lease is None:
            return await self._alone(request)
        self._observe(Source.AWAITED if awaited else Source.SHARED)
        return lease

    async def _look(self, place: Place) -> tuple[bool, Left | None]:
        """
        Look, until there is something, or this replica has the lease, or has waited too long.

        @return: whether it has waited, and what there is; C{None}: the lease.
        @raise RedisAway: go on without.
        """
        until = self._clock.seconds() + self._patience
        wait = 0.0
        while (found := await self._places.look(place.name)) is BUSY:
            if self._clock.seconds() >= until:
                raise RedisAway("another replica takes too long")
            wait = min(2 * wait, _LONGEST_WAIT) or _FIRST_WAIT
            await deferLater(self._clock, wait)
        return wait > 0, found

    async def _alone(self, request: ConfigurationRequest) -> Lease:
        self._observe(Source.ALONE)
        return await self._lender.lease(request)

    async def _fetch(self, request: ConfigurationRequest, place: Place) -> Lease:
        """Fetch for all, who wait for as long as the lease is prolonged."""
        self._observe(Source.FETCHED)
        holding = LoopingCall(self._places.prolong, place.name)
        holding.clock = self._clock
        holding.start(LEASE_SECONDS / 4, now=False)
        left = False
        try:
            lease = await self._lender.lease(request)
            sealed = place.sealed(lease.configuration)
            left = len(sealed) <= LARGEST_SHARED
        finally:
            holding.stop()
            if not left:
                self._places.release(place.name)
        return await self._leave(place, sealed, lease) if left else lease

    async def _leave(self, place: Place, sealed: bytes, lease: Lease) -> Lease:
        """Leave it to all; where another was first, because the lease was lost, its counts."""
        leaving = Deferred.fromCoroutine(
            self._places.leave(place.name, sealed, lease.until - lease.since)
        )
        try:
            found = await leaving.addTimeout(_LEAVE_SECONDS, self._clock)
        except (RedisAway, TimeoutError):
            return lease
        return (found and self._opened(place, found)) or lease

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
