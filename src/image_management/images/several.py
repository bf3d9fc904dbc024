"""Several calls side by side, some at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from httpd.concurrency.slots import OwnSlots

_T = TypeVar("_T")
_R = TypeVar("_R")

AT_A_TIME = 3
"""Objects of one record with which S3 is kept busy."""


async def each_of(
    things: Iterable[_T], do: Callable[[_T], Awaitable[_R]], most: int = AT_A_TIME
) -> list[_R]:
    """
    Do the same with each thing, with C{most} at a time, and return the results, in order.

    Once one has failed no other is begun, but what is under way is waited for: S3 would go on with
    it anyway.  The first failure is raised then.  Cancelling this cancels what is under way.
    """
    slots = OwnSlots(most)
    failures: list[Exception] = []

    async def one(thing: _T) -> _R:
        async with slots:
            if failures:
                raise failures[0]
            try:
                return await do(thing)
            except Exception as error:
                failures.append(error)
                raise

    running = [Deferred.fromCoroutine(one(thing)) for thing in things]
    results = await DeferredList(running, consumeErrors=True)
    for _, result in results:
        # Whoever is cancelled must not take a failure for its reason to go on.
        if isinstance(result, Failure) and isinstance(result.value, CancelledError):
            raise result.value
    if failures:
        raise failures[0]
    return [result for _, result in results]
