"""Coroutines that are watched: each call of some object's passes a gate first."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from image_management.s3.errors import S3Unavailable

Call = Callable[[], Awaitable[Any]]
Gate = Callable[[str, Call], Awaitable[Any]]
"""Is told what is called, and does that, or something else."""


class Watched:
    """Something whose coroutine methods pass a gate."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def passed(*args: Any, **kwargs: Any) -> Any:
            return await self._gate(name, lambda: method(*args, **kwargs))

        return passed


class Counting:
    """
    Counts calls.

    @ivar names: what was called, in order.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    async def __call__(self, name: str, call: Call) -> Any:
        self.names.append(name)
        return await call()


class Dying:
    """
    The process dies at one of the calls: it never returns, nor does any other from then on.

    @ivar dead: fires when it does.
    """

    def __init__(self, at: int, *, done: bool) -> None:
        """
        @param at: which call that is, from 0.
        @param done: whether that is done.
        """
        self.dead: Deferred[None] = Deferred()
        self._left = at
        self._done = done

    async def __call__(self, name: str, call: Call) -> Any:
        if self._left > 0:
            self._left -= 1
            return await call()
        if self._left == 0:
            self._left = -1
            if self._done:
                await call()
            self.dead.callback(None)
        return await Deferred()


class Failing:
    """
    S3 fails calls from one on.

    @ivar failed: how many it has.
    """

    def __init__(self, at: int, *, done: bool, times: int, answered: bool) -> None:
        """
        @param at: the first that fails, from 0.
        @param done: whether they are done all the same.
        @param times: how many fail.
        @param answered: whether S3 says so, or nothing.
        """
        self.failed = 0
        self._calls = range(at, at + times)
        self._done = done
        self._status = 503 if answered else None
        self._count = -1

    def stop(self) -> None:
        """Let everything go well from now on."""
        self._calls = range(0)

    async def __call__(self, name: str, call: Call) -> Any:
        self._count += 1
        if self._count not in self._calls:
            return await call()
        self.failed += 1
        if self._done:
            await call()
        raise S3Unavailable(name, "it is made to fail", self._status)
