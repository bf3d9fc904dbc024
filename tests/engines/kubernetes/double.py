"""
A double of Kubernetes' API server in this process, over plain HTTP on real sockets, which fails as
a test says.  The same cases hold it to the real one (C{make cluster-test}).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tests.engines.kubernetes.bed import KubernetesBed, write_kubeconfig
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.exchange import body_of, read, send
from tests.engines.kubernetes.objects import Event
from tests.engines.kubernetes.orders import Asked, EndOfAnswers, Order, Orders, Trouble
from tests.engines.kubernetes.registry import Registry
from tests.engines.kubernetes.resources import KINDS, Kind, StatusError, expired
from tests.engines.kubernetes.streaming import Watch
from tests.httpd.outbound.servers import trial_reactor

TOKEN = "token-of-the-service-in-the-double"
_TESTS_TOKEN = "token-of-the-test-in-the-double"
SERVICE_USER = "system:serviceaccount:services:image-management"
_USERS = {TOKEN: SERVICE_USER, _TESTS_TOKEN: "test"}


class Double(KubernetesBed):
    """
    The server, and what tests do with it beside what they do with a real one.

    @ivar requests: what the service has asked, in order, whatever came of it.
    @ivar registry: what is done with requests.
    """

    def __init__(self, directory: Path, *, istio: bool = True) -> None:
        """
        @param istio: whether it knows of DestinationRules.
        """
        kinds = {name: kind for name, kind in KINDS.items() if istio or "istio" not in kind.prefix}
        self.requests: list[Asked] = []
        self.registry = Registry(kinds, lambda call: trial_reactor().callLater(0, call))
        self.registry.objects.observers.append(self._tell_watches)
        self._orders = Orders()
        self._watches: list[Watch] = []
        self._end_of_answers = EndOfAnswers(None, done=False)
        self._connections = WrappingFactory(Site(_Root(self)))
        self._connections.noisy = False
        self._port = trial_reactor().listenTCP(0, self._connections, interface="127.0.0.1")
        server = f"http://127.0.0.1:{self._port.getHost().port}"
        super().__init__(
            server,
            write_kubeconfig(directory, server, TOKEN),
            Client(server, _TESTS_TOKEN, "ims"),
        )

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
    def watches(self) -> list[Watch]:
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

    def expire_watches(self) -> None:
        """Tell all who watch that what they want to see is too long ago, and those who come anew
        with what they have seen, too (410)."""
        self.registry.objects.forget_history()
        now = self.registry.objects.version
        for watch in self.watches:
            watch.fail(expired(now - 1, now))

    def send_bookmarks(self) -> None:
        """Tell all who watch how far they have come."""
        for watch in self.watches:
            watch.bookmark(self.registry.objects.version)

    def _tell_watches(self, event: Event) -> None:
        for watch in self.watches:
            watch.tell(event)

    # --- logs

    def write_log(self, pod: str, container: str, *lines: str) -> None:
        """Have a container write some lines."""
        self.registry.logs.write((self.namespace, pod, container), lines)

    # --- requests

    def answer(self, request: Request) -> None:
        """Do what a request asks for, or what was ordered instead."""
        try:
            user, asked, kind = read(request, self.registry, _USERS)
        except StatusError as error:
            send(request, error)
            return
        trouble = None
        if user == SERVICE_USER:
            self.requests.append(asked)
            trouble = self._end_of_answers.trouble_of(asked)
            trouble = trouble or self._orders.trouble_of(asked, user)
        if trouble is None:
            self._do(request, asked, kind)
            return
        if trouble.done:
            with suppress(StatusError):  # nobody is told of it
                self.registry.change(asked, kind, *body_of(request))
        if trouble.error is not None:
            if trouble.retry_after is not None:
                request.setHeader("retry-after", str(trouble.retry_after))
            send(request, trouble.error)
        elif not trouble.silent:
            cast(Any, request.transport).abortConnection()

    def _do(self, request: Request, asked: Asked, kind: Kind) -> None:
        try:
            if asked.verb == "watch":
                self._watch(request, asked, kind)
            elif asked.resource == "pods/log":
                self.registry.logs.answer(request, asked)
            elif asked.verb in {"get", "list"}:
                send(request, self.registry.look(asked, kind))
            else:
                send(request, self.registry.change(asked, kind, *body_of(request)))
        except StatusError as error:
            send(request, error)

    def _watch(self, request: Request, asked: Asked, kind: Kind) -> None:
        version = int(asked.query.get("resourceVersion") or 0)
        test, namespace = self.registry.test_of(asked), asked.namespace or None
        watch = Watch(request, kind, namespace, test, trial_reactor())
        self._watches.append(watch)
        if not version:
            for thing in self.registry.objects.list(kind, namespace, test):
                watch.send("ADDED", thing)
            return
        try:
            missed = self.registry.objects.since(version)
        except StatusError as error:
            watch.fail(error)
            return
        for event in missed:
            watch.tell(event)

    async def stop(self) -> None:
        """End it, and wait until all connections are gone."""
        await self._port.stopListening()
        while self._connections.protocols:
            self.cut_connections()
            await deferLater(trial_reactor(), 0)


class _Root(Resource):
    isLeaf = True  # noqa: N815 - twisted.web's name

    def __init__(self, double: Double) -> None:
        super().__init__()
        self._double = double

    def render(self, request: Request) -> int:
        self._double.answer(request)
        return NOT_DONE_YET


def start_double(test: TestCase, *, istio: bool = True) -> Double:
    """
    An empty double with the namespaces C{default}, C{services} and C{ims}; the test's end stops it.
    """
    double = Double(Path(test.mktemp()).resolve(), istio=istio)
    test.addCleanup(lambda: Deferred.fromCoroutine(double.stop()))
    return double
