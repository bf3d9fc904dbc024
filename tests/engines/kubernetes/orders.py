"""What a test has the double do wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from tests.engines.kubernetes.resources import StatusError

FOR_GOOD = float("inf")
"""As often as it is asked for."""


@dataclass(frozen=True)
class Asked:
    """
    A request, in Kubernetes' own terms.

    @ivar verb: C{create}, C{get}, C{list}, C{watch}, C{delete} or C{patch}.
    @ivar resource: its plural, with its subresource where there is one, such as C{pods/log}.
    """

    verb: str
    resource: str
    namespace: str
    name: str
    query: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return " ".join(one for one in (self.verb, self.resource, self.name) if one)


@dataclass(frozen=True)
class Trouble:
    """
    What goes wrong with a request.

    @ivar error: what it is answered with; C{None}: the connection is cut.
    @ivar done: whether it is done all the same, before.
    @ivar retry_after: what the answer's header of that name says, in seconds.
    @ivar silent: there is neither answer nor cut.
    """

    error: StatusError | None = None
    done: bool = False
    retry_after: int | None = None
    silent: bool = False

    def after(self) -> Trouble:
        """The same, with the request done before."""
        return Trouble(self.error, done=True, retry_after=self.retry_after, silent=self.silent)


CUT = Trouble()
"""The connection ends without an answer."""

SILENT = Trouble(silent=True)

UNAVAILABLE = Trouble(StatusError(500, "InternalError", "etcdserver: leader changed"))

TIMEOUT = Trouble(
    StatusError(
        504,
        "Timeout",
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
    )
)

GONE = Trouble(StatusError(410, "Expired", "The provided continue parameter is too old"))


def too_many(retry_after: int = 1) -> Trouble:
    """One is to come again after so many seconds."""
    message = "The server has received too many requests and has asked us to try again later"
    error = StatusError(429, "TooManyRequests", message, retryAfterSeconds=retry_after)
    return Trouble(error, retry_after=retry_after)


def forbidden(asked: Asked, user: str) -> Trouble:
    """As the server says that a role does not allow something."""
    plural = asked.resource.partition("/")[0]
    api_group = "batch" if plural == "jobs" else ""
    shown = f'{plural}{"." if api_group else ""}{api_group} "{asked.name}"'
    message = (
        f'{shown if asked.name else plural} is forbidden: User "{user}" cannot {asked.verb} '
        f'resource "{asked.resource}" in API group "{api_group}" in the namespace '
        f'"{asked.namespace}"'
    )
    return Trouble(StatusError(403, "Forbidden", message, kind=plural, name=asked.name))


FORBIDDEN = Trouble(StatusError(403, "Forbidden", ""))
"""Its message is made of the request."""


@dataclass
class Order:
    """What is to happen to some requests."""

    verb: str
    resource: str
    trouble: Trouble
    times: float
    spared: int
    name: str

    def meets(self, asked: Asked) -> bool:
        """Whether it is about that request; this counts."""
        about = (
            self.verb in {"*", asked.verb}
            and self.resource in {"*", asked.resource}
            and self.name in {"", asked.name}
            and self.times > 0
        )
        if not about:
            return False
        if self.spared > 0:
            self.spared -= 1
            return False
        self.times -= 1
        return True


class Orders:
    """All that is to go wrong; the latest order counts first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(self, order: Order) -> None:
        self._orders.insert(0, order)

    def clear(self) -> None:
        self._orders.clear()

    def trouble_of(self, asked: Asked, user: str) -> Trouble | None:
        """What is to happen to a request; C{None}: it goes well."""
        for order in self._orders:
            if order.meets(asked):
                return forbidden(asked, user) if order.trouble is FORBIDDEN else order.trouble
        return None


class EndOfAnswers:
    """
    The request from which on none is answered.

    @ivar reached: fires when it has come.
    """

    def __init__(self, after: int | None, *, done: bool) -> None:
        """
        @param after: requests that are answered before; C{None}: all are.
        @param done: whether the first that is not answered is done all the same.
        """
        self.reached: Deferred[None] = Deferred()
        self._left = after
        self._done = done

    def trouble_of(self, asked: Asked) -> Trouble | None:
        """What is to happen to a request; lists and watches, which come at any time, count not."""
        counts = asked.verb not in {"list", "watch"}
        if self._left is None:
            return None
        if self._left > 0:
            self._left -= counts
            return None
        if not counts or self.reached.called:
            return SILENT
        self.reached.callback(None)
        return Trouble(done=self._done, silent=True)
