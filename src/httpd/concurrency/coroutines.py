"""Running coroutines: those that hardly ever wait, and several side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults


def begun(coroutine: Coroutine[Any, Any, None]) -> Deferred[None] | None:
    """
    Run a coroutine until it has to wait.

    It is C{Deferred.fromCoroutine} for coroutines of which most are over by then: a Deferred that
    has nothing to tell costs a request 5 us.

    @return: the rest of it, which can be cancelled; L{None}: there is none.
    @raise Exception: whatever it raised before it waited.
    """
    try:
        awaited: Awaitable[object] = coroutine.send(None)
    except StopIteration:
        return None
    return Deferred.fromCoroutine(_rest(coroutine, awaited))


async def _rest(coroutine: Coroutine[Any, Any, None], awaited: Awaitable[object]) -> None:
    """Go on with a coroutine that waits."""
    while True:
        try:
            result = await awaited
        except BaseException as error:  # it is the coroutine's, to deal with or to raise
            go_on = partial(coroutine.throw, error)
        else:
            go_on = partial(coroutine.send, result)
        try:
            awaited = go_on()
        except StopIteration:
            return


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
