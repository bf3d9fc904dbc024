"""The secondaries, all of them: started, told and asked, replaced, and brought to an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.error import ConnectionLost
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from assisted_images.infra_envs.sharing import SharedConfigurations
from assisted_images.pages.overview import Overview
from assisted_images.routes.application import Application
from assisted_images.workers.image_copies import ImageSummaries
from assisted_images.workers.inheritance import Shared
from assisted_images.workers.ledger import Fact, Ledger
from assisted_images.workers.messages import (
    AskConfiguration,
    AskCounts,
    AskMetrics,
    AskOverview,
    Drain,
    Inquiry,
    Loaded,
    Message,
    OriginChanged,
    Reply,
    StoreSummary,
    Welcome,
)
from assisted_images.workers.pipes import NotAnswered
from assisted_images.workers.secondary_process import Events, SecondaryProcess
from assisted_images.workers.totals import Collected, Totals
from httpd.http1.connections import Connections

_TELL_SECONDS = 0.25
"""How often the others are told what has become of the images."""

_COUNT_SECONDS = 2.0
"""A worker that does not say in time what it has counted hangs, or is very busy."""

_FIRST_DELAY = 0.1
"""Seconds until a worker that has ended is replaced; twice as many each time it ends young."""

_LONGEST_DELAY = 60.0

_YOUNG_SECONDS = 10.0


class Secondaries(Service):
    """
    The secondaries.

    @ivar complete: whether each of them has been able to serve every image at once.  What comes
        later, in the place of one that has died, listens once it has tried to load them.
    @ivar overview: says how everything is, for the page; C{None}: there is none.
    @ivar cut: answers that were under way in workers that ended badly while the service went down.
    """

    _log = Logger()

    def __init__(
        self,
        application: Application,
        shared: Shared,
        settings: Mapping[str, bytes],
        environment: Mapping[str, str],
        reactor: Any,
        wrote: Callable[[bytes], None],
    ) -> None:
        """
        @param settings: the settings' texts.
        @param environment: of the secondaries.
        @param wrote: gets whole lines of their log.
        """
        self.complete = False
        self.cut = 0
        self.overview: Callable[[], Awaitable[Overview]] | None = None
        self._application = application
        self._shared = shared
        self._settings = settings
        self._environment = environment
        self._reactor = reactor
        self._events = Events(told=self._told, answer=self._answer, wrote=wrote, ended=self._ended)
        self._summaries = ImageSummaries(application.store)
        self._summary = StoreSummary(self._summaries.now(), False)
        self._totals = Totals()
        self._secondaries: dict[int, SecondaryProcess] = {}
        self._delays: dict[int, float] = {}
        self._replacing: dict[int, Any] = {}
        self._telling = LoopingCall(self._tell)
        self._telling.clock = reactor
        self._over: Deferred[None] | None = None

    def startService(self) -> None:
        """Start them, once the reactor can take note of a process's end."""
        Service.startService(self)
        self._reactor.callWhenRunning(self._begin)

    def drain(self) -> Deferred[None]:
        """Have each end when its answers have; fires when all have ended."""
        self._stop()
        for secondary in [*self._secondaries.values()]:
            secondary.pipe.tell(Drain())
            Deferred.fromCoroutine(self._end_hanging(secondary))
        return self._all_ended()

    def stopService(self) -> Deferred[None]:
        """End those that are still there; fires when none is."""
        Service.stopService(self)
        self._stop()
        for secondary in self._secondaries.values():
            secondary.kill()
        return self._all_ended()

    async def exposition(self) -> bytes:
        """All workers' metrics, in Prometheus' text format."""
        return generate_latest(Collected(await self.collected()))

    async def collected(self) -> Iterable[Metric]:
        """All workers' metrics."""
        metrics = self._application.metrics
        counting = map(self._count, self._secondaries.values())
        asked = [metrics.look(), *counting]
        await gatherResults(list(map(Deferred.fromCoroutine, asked)))
        sums = self._totals.with_own(metrics.counts.collect())
        return [*metrics.state.collect(), *sums]

    @property
    def count(self) -> int:
        """How many there are now."""
        return len(self._secondaries)

    def _begin(self) -> None:
        if self.running and self._over is None:
            for number in range(1, self._shared.workers):
                self._start(number)
            self._telling.start(_TELL_SECONDS, now=False)

    def _start(self, number: int) -> None:
        self._replacing.pop(number, None)
        secondary = self._secondaries[number] = SecondaryProcess(
            number, self._reactor.seconds(), self._events
        )
        try:
            secondary.start(self._reactor, self._environment, self._shared.descriptors())
        except OSError as error:
            self._ended(secondary, str(error))
            return
        listeners = tuple((place.port, place.tls is not None) for place in self._shared.places)
        secondary.pipe.tell(Welcome(number, self._settings, listeners))
        secondary.pipe.tell(self._summary)

    def _told(self, secondary: SecondaryProcess, message: Message) -> None:
        match message:
            case Loaded(images=images):
                secondary.loaded = images
            case OriginChanged(image=position, facts=facts):
                file = self._application.store.images[position].on_demand
                if file is not None and file.facts == facts:
                    file.fetching.tell_changed(f"worker {secondary.number} has found another file")
        self._tell()

    def _tell(self) -> None:
        """Tell all of them what is new."""
        store, secondaries = self._application.store, self._secondaries
        if store.ready and len(secondaries) == self._shared.workers - 1:
            everything = len(store.images)
            self.complete |= all(
                secondary.loaded == everything for secondary in secondaries.values()
            )
        summary = StoreSummary(self._summaries.now(), self.complete)
        if summary != self._summary:
            self._summary = summary
            for secondary in secondaries.values():
                secondary.pipe.tell(summary)

    async def _answer(self, inquiry: Inquiry) -> Reply:
        match inquiry:
            case AskConfiguration(number=number, request=request):
                sharing = self._application.infra_envs
                assert isinstance(sharing, SharedConfigurations), "others are not asked about"
                return Reply(number, lease=await sharing.lease(request))
            case AskMetrics(number=number):
                return Reply(number, metrics=await self.exposition())
            case AskOverview(number=number):
                assert self.overview is not None, "nobody asks without a page"
                return Reply(number, overview=await self.overview())
        raise TypeError(type(inquiry))

    async def _end_hanging(self, secondary: SecondaryProcess) -> None:
        """End a secondary that hangs; one with answers under way has its time to go on."""
        if not await self._count(secondary) and not self._shared.answers(secondary.number):
            secondary.kill()

    async def _count(self, secondary: SecondaryProcess) -> bool:
        """Note what a secondary has counted, if it says so; otherwise it has what it had."""
        reply = Deferred.fromCoroutine(secondary.pipe.ask(AskCounts))
        try:
            counts = (await reply.addTimeout(_COUNT_SECONDS, self._reactor)).counts
        except (TimeoutError, ConnectionLost, NotAnswered):
            return False
        self._totals.note(secondary.number, counts or ())
        return True

    def _ended(self, secondary: SecondaryProcess, how: str) -> None:
        number = secondary.number
        del self._secondaries[number]
        self._totals.end(number)
        lost = self._shared.release(number)
        if self._over is not None:
            self.cut += lost
            if not self._secondaries:
                self._over.callback(None)
            return
        delay = self._delay(number, self._reactor.seconds() - secondary.born)
        self._log.emit(
            LogLevel.error if how else LogLevel.info,
            "worker {ended} has ended ({how}) in the middle of {answers} answers; another takes"
            " its place in {seconds:g} s",
            ended=number,
            how=how or "by a signal of somebody's",
            answers=lost,
            seconds=delay,
        )
        self._replacing[number] = self._reactor.callLater(delay, self._start, number)

    def _delay(self, number: int, age: float) -> float:
        """How long to wait before a worker that has ended is replaced."""
        if age > _YOUNG_SECONDS:
            self._delays.pop(number, None)
        delay = self._delays.get(number, _FIRST_DELAY)
        self._delays[number] = min(2 * delay, _LONGEST_DELAY)
        return delay

    def _stop(self) -> None:
        """Start no more of them, and have the kernel accept no more connections for them."""
        if self._telling.running:
            self._telling.stop()
        for call in self._replacing.values():
            call.cancel()
        self._replacing.clear()
        self._shared.close_sockets()

    def _all_ended(self) -> Deferred[None]:
        if self._over is None:
            self._over = Deferred()
            if not self._secondaries:
                self._over.callback(None)
        ended: Deferred[None] = Deferred()
        self._over.chainDeferred(ended)
        return ended


class AllConnections:
    """
    The primary's and those of its secondaries: what is
    L{Drainable<httpd.process.shutdown.Drainable>}.
    """

    def __init__(self, own: Connections, secondaries: Secondaries, ledger: Ledger) -> None:
        self._own = own
        self._secondaries = secondaries
        self._ledger = ledger

    @property
    def answering(self) -> int:
        """Connections on which an answer is under way, or was when its worker ended badly."""
        _, *others = self._ledger.all(Fact.ANSWERING)
        return self._own.answering + sum(others) + self._secondaries.cut

    def drain(self) -> Deferred[None]:
        """Close every connection when its answer is whole; fires when no secondary is left."""
        both = gatherResults([self._own.drain(), self._secondaries.drain()])
        return both.addCallback(lambda _: None)

    def abort(self) -> None:
        """Cut whatever is left; the secondaries' end with them."""
        self._own.abort()
