"""
Places in Redis, at each of which one replica leaves what all are to have.

At a place lies nothing; or the lease of a replica that is at work on it, which ends by itself
when that replica does not prolong it any more; or what that replica has left.  Each step is one
script, which Redis runs as a whole, so that no two replicas are ever at different ones.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from httpd.outbound.redis import Ask, RedisAway

LEASE_SECONDS = 2.0
"""How long a replica that has died keeps the others waiting."""

_PREFIX = "assisted-images:"

_LEASE, _LEFT = b"lease ", b"left: "
"""What the two begin with."""

_TICK = 0.001
"""Redis counts in milliseconds."""

_FINGERPRINT_SECONDS = 24 * 60 * 60

_LOOK = """
local found = redis.call('GET', KEYS[1])
if found then return {found, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
"""What lies there, and for how many milliseconds; where nothing does, now the lease ARGV[1]."""

_LEAVE = """
local found = redis.call('GET', KEYS[1])
if found and string.sub(found, 1, 6) ~= 'lease ' then
    return {found, redis.call('PTTL', KEYS[1])}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
"""Leave ARGV[1] there, in place of whosever lease; else what somebody has left already."""

_PROLONG = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""Have the lease ARGV[1] end in so many milliseconds; 0: now."""

_LAST = """
return redis.call('GET', KEYS[1])
"""

_GREET = """
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return before
"""


class Busy(Enum):
    """Somebody is at work on it."""

    BUSY = auto()


BUSY = Busy.BUSY


@dataclass(frozen=True, slots=True)
class Left:
    """Something that a replica has left."""

    content: bytes = field(repr=False)
    until: float
    """When nobody may have it any more, in seconds by this process's clock: not after it goes."""


class SharedPlaces:
    """The places, of one Redis server."""

    def __init__(self, ask: Ask, clock: IReactorTime) -> None:
        self._ask = ask
        self._clock = clock
        self._own = _LEASE + secrets.token_bytes(16)

    async def look(self, name: str) -> Left | Busy | None:
        """
        What lies there.

        @return: C{None}: nothing did, and this replica has the lease now.
        @raise RedisAway: it cannot be said.
        """
        found = await self._find(_LOOK, name, self._own, LEASE_SECONDS)
        if found is None or found.content == self._own:
            return None
        return BUSY if found.content.startswith(_LEASE) else found

    async def leave(self, name: str, content: bytes, seconds: float) -> Left | None:
        """
        Leave something.

        @return: what somebody else has left, which stays; C{None}: nobody had.
        @raise RedisAway: it cannot be said whether it lies there.
        """
        return await self._find(_LEAVE, name, _LEFT + content, seconds + _TICK)

    def prolong(self, name: str) -> Deferred[None]:
        """Keep the lease, where it is this replica's."""
        return self._end_in(name, LEASE_SECONDS)

    def release(self, name: str) -> Deferred[None]:
        """Let others have the lease, where it is this replica's."""
        return self._end_in(name, 0)

    def _end_in(self, name: str, seconds: float) -> Deferred[None]:
        async def attempt() -> None:
            try:
                await _eval(self._ask, _PROLONG, name, self._own, seconds)
            except RedisAway:
                return  # it ends by itself

        return Deferred.fromCoroutine(attempt())

    async def _find(self, script: str, name: str, content: bytes, seconds: float) -> Left | None:
        asked = self._clock.seconds()
        found = await _eval(self._ask, script, name, content, seconds)
        if found is None:
            return None
        content, milliseconds = found
        # Counted from before it was asked, and by clocks that were read twice: so none has it
        # longer than it lies there.
        until = asked + milliseconds / 1000 - 2 * _TICK
        return Left(content.removeprefix(_LEFT), until)


class KeyComparison:
    """What each connection to Redis begins with: whether the other replicas have the same key."""

    _log = Logger()

    def __init__(self, name: str, fingerprint: bytes) -> None:
        """
        @param name: what all replicas have in common.
        """
        self._name = name
        self._fingerprint = fingerprint

    async def greet(self, ask: Ask) -> None:
        """
        Say who one is, and note who was there before.

        @raise RedisAway: the server does not allow what is going to be asked for.
        """
        found = await _eval(ask, _GREET, self._name, self._fingerprint, _FINGERPRINT_SECONDS)
        if self._is_another(found):
            self._log.warn(
                "a replica has come to the same Redis with another key before: those whose"
                " CONFIG_CACHE_KEY_FILE differs do not share configurations"
            )

    async def differs(self, ask: Ask) -> bool:
        """
        Whether who was there last has another key; nothing is said of oneself.

        @raise RedisAway: the server does not allow what is going to be asked for.
        """
        return self._is_another(await _eval(ask, _LAST, self._name, b"", 0))

    def _is_another(self, found: bytes | None) -> bool:
        return found not in {None, self._fingerprint}


async def _eval(ask: Ask, script: str, name: str, content: bytes, seconds: float) -> Any:
    return await ask("EVAL", script, 1, _PREFIX + name, content, math.ceil(1000 * seconds))
