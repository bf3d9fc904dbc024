"""
A double of Kubernetes' API server in this process.  The same cases hold it to the real one
(C{make cluster-test}).
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.server import Request

from tests.engines.kubernetes.exchange import body_of, send
from tests.engines.kubernetes.failing_server import FailingServer
from tests.engines.kubernetes.objects import Event
from tests.engines.kubernetes.orders import Asked
from tests.engines.kubernetes.registry import Registry
from tests.engines.kubernetes.resources import Kind, StatusError, expired
from tests.engines.kubernetes.streaming import Watch
from tests.httpd.outbound.servers import trial_reactor


class Double(FailingServer):
    """
    The server, with all that it has in memory.

    @ivar registry: what is done with requests.
    """

    def __init__(self, directory: Path, *, istio: bool = True) -> None:
        super().__init__(directory, istio=istio)
        self.registry = Registry(lambda call: trial_reactor().callLater(0, call))
        self.registry.objects.observers.append(self._tell_watches)

    def expire_watches(self) -> None:
        """Tell all who watch that what they want to see is too long ago, and those who come anew
        with what they have seen, too (410)."""
        self.registry.objects.forget_history()
        now = self.registry.objects.version
        for watch in self._own_watches:
            watch.fail(expired(now - 1, now))

    def send_bookmarks(self) -> None:
        """Tell all who watch how far they have come."""
        for watch in self._own_watches:
            watch.bookmark(self.registry.objects.version)

    def write_log(self, pod: str, container: str, *lines: str) -> None:
        """Have a container write some lines."""
        self.registry.logs.write((self.namespace, pod, container), lines)

    def do(self, request: Request, asked: Asked, kind: Kind) -> None:
        """Answer at once, or go on with the answer."""
        if asked.verb == "watch":
            self._watch(request, asked, kind)
        elif asked.resource == "pods/log":
            self.registry.logs.answer(request, asked)
        elif asked.verb in {"get", "list"}:
            send(request, self.registry.look(asked, kind))
        else:
            send(request, self.registry.change(asked, kind, *body_of(request)))

    def do_unseen(self, request: Request, asked: Asked, kind: Kind) -> None:
        """Do it at once."""
        self.registry.change(asked, kind, *body_of(request))

    def _watch(self, request: Request, asked: Asked, kind: Kind) -> None:
        version = int(asked.query.get("resourceVersion") or 0)
        test, namespace = self.registry.test_of(asked), asked.namespace or None
        watch = Watch(request, kind, namespace, test, trial_reactor())
        self.is_watched_by(watch)
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

    def _tell_watches(self, event: Event) -> None:
        for watch in self._own_watches:
            watch.tell(event)

    @property
    def _own_watches(self) -> list[Watch]:
        return [watch for watch in self.watches if isinstance(watch, Watch)]


def start_double(test: TestCase, *, istio: bool = True) -> Double:
    """
    An empty double with the namespaces C{default}, C{services} and C{ims}; the test's end stops it.
    """
    double = Double(Path(test.mktemp()).resolve(), istio=istio)
    test.addCleanup(lambda: Deferred.fromCoroutine(double.stop()))
    return double
