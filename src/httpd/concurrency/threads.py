"""
Where blocking work runs: a callable that is handed in, so that nothing below needs the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RunInThread(Protocol):
    """Runs a blocking function somewhere else than in the reactor's thread."""

    def __call__(
        self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Deferred[_T]:
        """Fires with what C{function} returns, or fails with what it raises."""


def threads_of(reactor: IReactorThreads) -> RunInThread:
    """Blocking work in the thread pool of C{reactor}."""
    run: RunInThread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    return run


def own_pool(
    reactor: Any, most: int, name: str, *, daemon: bool = False
) -> Callable[[], ThreadPool]:
    """
    What gives a pool of threads, which begin when there is something to do, and end with
    C{reactor}.

    @param most: how many there may be.
    @param name: theirs, for whoever looks at the process.
    @param daemon: that end waits for none of them: what they do may take for ever.
    """
    pool = ThreadPool(0, most, name)
    pool.threadFactory = partial(Thread, daemon=daemon)  # type: ignore[assignment]

    def started() -> ThreadPool:
        if not pool.started:
            pool.start()
            if not daemon:
                reactor.addSystemEventTrigger("during", "shutdown", pool.stop)
        return pool

    return started


def own_threads(reactor: Any, most: int, name: str, *, daemon: bool = False) -> RunInThread:
    """
    Blocking work in the threads of an L{own_pool}, so that it keeps no other work waiting, and
    none keeps it.
    """
    pool = own_pool(reactor, most, name, daemon=daemon)

    def run(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
        return deferToThreadPool(reactor, pool(), function, *args, **kwargs)

    return run


def to_its_end(work: Deferred[_T]) -> Deferred[_T]:
    """
    What fires with C{work}; cancelling it ends the waiting alone, as nothing ends a thread: what
    C{work} has for callbacks is called when it is over.
    """
    waiting: Deferred[_T] = Deferred()
    work.addBoth(waiting.callback)  # a Failure makes it an errback
    return waiting


def run_at_once(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
    """A L{RunInThread} that runs everything at once, where it is called: for tests and tools."""
    return maybeDeferred(function, *args, **kwargs)
