"""What a service's clients download now, and did in the last minutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping

import msgspec
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.template import Tag, tags

from httpd.concurrency.slots import Slots
from httpd.pages import figures
from httpd.pages.plot import plot
from httpd.pages.rates import SAMPLE_SECONDS, Samples

_SENT = "sent_bytes_total"
_MINUTES = 10


class Downloads(msgspec.Struct, frozen=True):
    """All that the page says of them."""

    under_way: int
    """Those that hold a slot."""

    waiting: int
    most: int
    """How many slots there are."""

    connections: int
    rate: float | None
    """Bytes a second of late."""

    rates: tuple[float, ...]
    """Between each two samples of the last minutes, the oldest first."""

    by_route: tuple[tuple[str, int], ...]
    """Requests that are being answered, by the labels of their routes."""


class DownloadWatch(Service):
    """
    Looks every few seconds at what the metrics say; requests take no part in it.

    @ivar newest: the metrics' numbers at the last look.
    @ivar samples: of the last minutes those of which it matters how fast they grow.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        slots: Slots,
        numbers: Callable[[], Awaitable[Mapping[str, float]]],
    ) -> None:
        """
        @param numbers: what all processes of the service have counted, as
            L{HttpMetrics.numbers<httpd.web.metrics.HttpMetrics.numbers>}.
        """
        self.newest: Mapping[str, float] = {}
        self.samples = Samples()
        self._clock = clock
        self._slots = slots
        self._numbers = numbers
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def others(self) -> Mapping[Hashable, float]:
        """Further numbers of which it matters how fast they grow; a service may have some."""
        return {}

    def startService(self) -> None:
        """Look from now on."""
        Service.startService(self)
        self._looking.start(SAMPLE_SECONDS)

    def stopService(self) -> None:
        """Look no more."""
        Service.stopService(self)
        if self._looking.running:
            self._looking.stop()

    def downloads(self) -> Downloads:
        """How things are, and were at the last look."""
        samples, route = self.samples, "http_requests_inflight "
        routes = {
            name.removeprefix(route): int(number)
            for name, number in self.newest.items()
            if name.startswith(route) and number > 0
        }
        return Downloads(
            under_way=self._slots.in_use,
            waiting=self._slots.waiting,
            most=self._slots.limit,
            connections=int(self.newest.get("connections", 0)),
            rate=samples.rate(_SENT),
            rates=tuple(map(round, samples.rates(_SENT))),
            by_route=tuple(sorted(routes.items(), key=lambda one: (-one[1], one[0]))),
        )

    async def _look(self) -> None:
        try:
            self.newest = await self._numbers()
        except Exception:
            self._log.failure("what was counted cannot be had")
            return
        numbers = {_SENT: self.newest.get(_SENT, 0.0), **self.others()}
        self.samples.add(self._clock.seconds(), numbers)


def draw_downloads(downloads: Downloads, *others: Tag) -> Tag:
    """
    Draw them.

    @param others: further figures.
    """
    highest = max(downloads.rates, default=0)
    label = f"Bytes sent in the last {_MINUTES} minutes; at most {figures.rate(highest)}"
    return tags.dl(
        tags.div(
            tags.dt("Sent to clients"),
            tags.dd(
                tags.div(figures.rate(downloads.rate or 0), class_="figure"),
                plot(downloads.rates, label),
                tags.div(
                    tags.span(f"{_MINUTES} minutes ago"),
                    tags.span(f"at most {figures.rate(highest)}" if highest else "nothing yet"),
                    tags.span("now"),
                    class_="axis",
                ),
            ),
            class_="wide",
        ),
        figure("Downloads", downloads.under_way, f"of {figures.count(downloads.most)} slots"),
        figure("Waiting", downloads.waiting, "for a slot"),
        figure("Connections", downloads.connections, "open"),
        *others,
        tags.div(
            tags.dt("Requests being answered"),
            tags.dd(
                [
                    tags.div(
                        tags.code(name),
                        tags.span(figures.count(number), class_="last"),
                        class_="row",
                    )
                    for name, number in downloads.by_route
                ],
                class_="routes",
            ),
            class_="wide",
        )
        if downloads.by_route
        else "",
        class_="figures",
    )


def figure(name: str | Tag, number: float | str, note: str | Tag) -> Tag:
    """
    One figure among others.

    @param number: or a text in its place.
    @param note: what is small below it.
    """
    shown = number if isinstance(number, str) else figures.count(number)
    return tags.div(
        tags.dt(name),
        tags.dd(tags.div(shown, class_="figure"), tags.div(note, class_="quiet")),
    )
