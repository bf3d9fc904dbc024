"""Blocking work that may hang: it is given up after a time, and then keeps nobody else waiting."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NoReturn, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from httpd.concurrency.threads import RunInThread

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Turns:
    """
    Runs blocking functions in threads: one at a time about each thing, and each for some seconds.

    A thread that hangs, as in a file of a server that is gone, cannot be ended, only be waited for
    no longer.  It keeps its thing's turn until it comes back: whoever asks for the same meanwhile
    takes no further thread.
    """

    def __init__(self, run_in_thread: RunInThread, clock: IReactorTime, seconds: float) -> None:
        """
        @param run_in_thread: of threads that the end of the process does not wait for.
        @param seconds: for how long anybody waits.
        """
        self.seconds = seconds
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._turns: dict[Hashable, DeferredLock] = {}

    async def run(
        self, about: Hashable, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """
        What C{function} returns.

        @param about: the thing that it may hang in.
        @raise TimeoutError: it has not returned in time, or its turn has not come.
        @raise Exception: what C{function} raises.
        """

        def too_slow(result: object, seconds: float) -> NoReturn:
            raise TimeoutError(f"not within {seconds:g} s")

        running = Deferred.fromCoroutine(self._in_turn(about, function, *args, **kwargs))
        return await running.addTimeout(self.seconds, self._clock, too_slow)

    async def _in_turn(
        self, about: Hashable, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        turn = self._turns.setdefault(about, DeferredLock())
        await turn.acquire()
        # Cancelled, it is forgotten; the thread goes on, and the turn ends with it.
        waiting: Deferred[_T] = Deferred()

        def over(result: _T | Failure) -> None:
            turn.release()
            if not turn.locked:
                del self._turns[about]
            waiting.callback(result)  # a Failure makes it an errback

        self._run_in_thread(function, *args, **kwargs).addBoth(over)
        return await waiting
