"""Running coroutines side by side."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

_T = TypeVar("_T")


async def side_by_side(coroutines: Iterable[Coroutine[Deferred[Any], Any, _T]]) -> list[_T]:
    """
    Run all at once and return their results, in order.

    The first failure cancels the others and is raised; cancelling this cancels all.
    """
    running = [Deferred.fromCoroutine(coroutine) for coroutine in coroutines]
    try:
        return await gatherResults(running, consumeErrors=True)
    except FirstError as error:
        for other in running:
            other.cancel()
        error.subFailure.raiseException()
