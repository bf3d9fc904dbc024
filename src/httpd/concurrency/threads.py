"""
Where blocking work runs: a callable that is handed in, so that nothing below needs the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

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


def run_at_once(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
    """A L{RunInThread} that runs everything at once, where it is called: for tests and tools."""
    return maybeDeferred(function, *args, **kwargs)
