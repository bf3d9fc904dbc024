"""
An API server for image management's part of Kubernetes, over plain HTTP on real sockets, that fails
as a test says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tests.engines.kubernetes.bed import KubernetesBed, write_kubeconfig
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.exchange import read, send
from tests.engines.kubernetes.orders import Asked, EndOfAnswers, Order, Orders, Trouble
from tests.engines.kubernetes.resources import KINDS, Kind, StatusError
from tests.engines.kubernetes.streaming import Answering
from tests.httpd.outbound.servers import trial_reactor

TOKEN = "token-of-the-service"
TESTS_TOKEN = "token-of-the-test"
SERVICE_USER = "system:serviceaccount:services:image-management"
NAMESPACE = "ims"
_USERS = {TOKEN: SERVICE_USER, TESTS_TOKEN: "test"}


class FailingServer(KubernetesBed):
    """
    The server, and what tests do with it beside what they do with any.

    What it does with a request is for derived classes to say.

    @ivar requests: what the service has asked, in order, whatever came of it.
    @ivar kinds: what it knows of.
    """

    def __init__(self, directory: Path, *, istio: bool = True) -> None:
        """
        @param istio: whether it knows of DestinationRules.
        """
        self.kinds = {
            name: kind for name, kind in KINDS.items() if istio or "istio" not in kind.prefix
        }
        self.requests: list[Asked] = []
        self._orders = Orders()
        self._watches: list[Answering] = []
        self._end_of_answers = EndOfAnswers(None, done=False)
        self._connections = WrappingFactory(Site(_Root(self)))
        self._connections.noisy = False
        self._port = trial_reactor().listenTCP(0, self._connections, interface="127.0.0.1")
        server = f"http://127.0.0.1:{self._port.getHost().port}"
        super().__init__(
            server,
            write_kubeconfig(directory, server, TOKEN),
            Client(server, TESTS_TOKEN, NAMESPACE),
        )

    def do(self, request: Request, asked: Asked, kind: Kind) -> Any:
        """
        Do what is asked for, and answer; or begin to.

        @raise StatusError: it cannot be done.
        """
        raise NotImplementedError

    def do_unseen(self, request: Request, asked: Asked, kind: Kind) -> Any:
        """
        Do what is asked for, and give no answer.

        @return: where this takes time, a Deferred.
        @raise StatusError: it cannot be done.
        """
        raise NotImplementedError

    # --- what a test orders

    def fail(
        self,
        verb: str,
        resource: str,
        trouble: Trouble,
        times: float = 1,
        *,
        spared: int = 0,
        name: str = "",
    ) -> None:
        """
        Have requests of the service fail.

        @param verb: Kubernetes' own: C{create}, C{get}, C{list}, C{watch}, C{delete} or C{patch};
            C{*} for all.
        @param resource: its plural, such as C{jobs} or C{pods/log}; C{*} for all.
        @param times: how many; L{orders.FOR_GOOD}: all from now on.
        @param spared: how many go well before.
        @param name: the object's; empty: any.
        """
        self._orders.add(Order(verb, resource, trouble, times, spared, name))

    def heal(self) -> None:
        """Let everything go well again."""
        self._orders.clear()

    def stop_answering(self, after: int, *, done: bool) -> Deferred[None]:
        """
        Answer so many requests of the service more, and then none at all until L{go_on}.  Lists and
        watches, which come at any time, are not counted.

        @param done: whether the first that is not answered is done all the same.
        @return: fires when it has come.
        """
        self._end_of_answers = EndOfAnswers(after, done=done)
        return self._end_of_answers.reached

    def go_on(self) -> None:
        """Answer again.  What had no answer gets none any more."""
        self._end_of_answers = EndOfAnswers(None, done=False)
        self.cut_connections()

    def cut_connections(self) -> None:
        """End all connections at once."""
        for connection in [*self._connections.protocols]:
            connection.transport.abortConnection()

    # --- watches

    @property
    def watches(self) -> list[Answering]:
        """Those that are open."""
        self._watches = [watch for watch in self._watches if watch.open]
        return self._watches

    def cut_watches(self) -> None:
        """End the connections of all watches."""
        for watch in self.watches:
            watch.cut()

    def end_watches(self) -> None:
        """End all watches as their time ends them."""
        for watch in self.watches:
            watch.end()

    # --- requests

    def answer(self, request: Request) -> None:
        """Do what a request asks for, or what was ordered instead."""
        try:
            user, asked, kind = read(request, self.kinds, _USERS)
        except StatusError as error:
            send(request, error)
            return
        trouble = None
        if user == SERVICE_USER:
            self.requests.append(asked)
            trouble = self._end_of_answers.trouble_of(asked)
            trouble = trouble or self._orders.trouble_of(asked, user)
        if trouble is None:
            try:
                self.do(request, asked, kind)
            except StatusError as error:
                send(request, error)
        else:
            done = self._done(request, asked, kind) if trouble.done else succeed(None)
            done.addCallback(lambda _: _fail(request, trouble))

    def _done(self, request: Request, asked: Asked, kind: Kind) -> Deferred[Any]:
        done = maybeDeferred(self.do_unseen, request, asked, kind)
        return done.addErrback(lambda failure: failure.trap(StatusError))

    def is_watched_by(self, watch: Answering) -> None:
        """Know of one more who watches."""
        self._watches.append(watch)

    async def stop(self) -> None:
        """End it, and wait until all connections are gone."""
        await self._port.stopListening()
        while self._connections.protocols:
            self.cut_connections()
            await deferLater(trial_reactor(), 0)


def _fail(request: Request, trouble: Trouble) -> None:
    if trouble.error is not None:
        if trouble.retry_after is not None:
            request.setHeader("retry-after", str(trouble.retry_after))
        send(request, trouble.error)
    elif not trouble.silent:
        cast(Any, request.transport).abortConnection()


class _Root(Resource):
    isLeaf = True  # noqa: N815 - twisted.web's name

    def __init__(self, server: FailingServer) -> None:
        super().__init__()
        self._server = server

    def render(self, request: Request) -> int:
        self._server.answer(request)
        return NOT_DONE_YET
