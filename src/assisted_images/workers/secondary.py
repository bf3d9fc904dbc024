"""A worker that is not the first."""

from __future__ import annotations

import os
from functools import partial
from signal import SIGTERM
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import ConnectionLost
from twisted.internet.stdio import StandardIO

from assisted_images.assembly import Membership, make_application, make_listeners
from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvError
from assisted_images.infra_envs.sharing import Lease
from assisted_images.on_demand.origin import Facts
from assisted_images.on_demand.settings import make_on_demand_images
from assisted_images.outbound import Outbound
from assisted_images.pages.overview import Overview
from assisted_images.routes.application import Application
from assisted_images.routes.tree import AllWorkers
from assisted_images.settings.settings import Settings
from assisted_images.workers import inheritance
from assisted_images.workers.accepting import FairSockets
from assisted_images.workers.connections import NotedConnections, share_of_connections
from assisted_images.workers.image_copies import ImageCopies
from assisted_images.workers.ledger import Ledger
from assisted_images.workers.loading import make_loading
from assisted_images.workers.messages import (
    TO_SECONDARY_DECODER,
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
from assisted_images.workers.pipes import PipeEnd
from assisted_images.workers.slots import SharedSlots
from assisted_images.workers.totals import families
from httpd.listening.listeners import Listener
from httpd.listening.renewal import CertificateRenewal
from httpd.listening.tls import ServerTls
from httpd.logs.requests import RequestLog
from httpd.process.memory import MemoryReturn
from httpd.process.open_files import allow_open_files
from httpd.process.shutdown import Shutdown
from httpd.process.signals import OperatorSignals

_PATIENCE_SECONDS = 5.0
"""How much longer than the primary a secondary lets answers end: it is for the primary to cut them,
and to say so."""


class PrimaryLender:
    """A L{Lender<assisted_images.infra_envs.sharing.Lender>}: the primary, who shares with all."""

    def __init__(self, pipe: PipeEnd[Any]) -> None:
        self._pipe = pipe

    async def lease(self, request: ConfigurationRequest) -> Lease:
        """
        What the primary has, or gets.

        @raise InfraEnvError: as it was raised there; or 503, the primary is gone.
        """
        try:
            reply = await self._pipe.ask(lambda number: AskConfiguration(number, request))
        except ConnectionLost:
            raise InfraEnvError(503, "the service is going down") from None
        assert reply.lease is not None
        return reply.lease


class Secondary:
    """Everything that runs in a secondary."""

    def __init__(
        self, welcome: Welcome, settings: Settings, reactor: Any, request_log: RequestLog
    ) -> None:
        self._welcome = welcome
        self._settings = settings
        self._reactor = reactor
        self._complete = False
        self._listening = False
        self._stopping = False
        self._ledger = Ledger(inheritance.LEDGER, welcome.number, settings.workers)
        self._pipe: PipeEnd[Any] = PipeEnd(
            TO_SECONDARY_DECODER, self._told, self._answer, self._lost
        )
        self._outbound = Outbound(settings, reactor)
        self._connections = NotedConnections(share_of_connections(settings), self._ledger)
        self._application = self._make_application(request_log)
        self._on_demand = make_on_demand_images(settings, reactor)
        self._loading = make_loading(settings, reactor, self._outbound, self._on_demand)
        self._copies = ImageCopies(
            self._application.store, self._loading, reactor, self._loaded, self._origin_changed
        )
        tls = ServerTls.of(partial(getattr, settings))
        self._listeners = self._make_listeners(tls)
        renewal: list[Service] = []
        if tls is not None:
            renewal.append(CertificateRenewal(tls, reactor, self._application.run_in_thread))
        self._shutdown = Shutdown(
            reactor,
            self._connections,
            settings.drain_seconds + _PATIENCE_SECONDS,
            [*self._listeners, *renewal],
        )
        # Without the listeners, which are started once there is something to serve.
        memory = MemoryReturn(self._connections, reactor)
        # The primary has the log; and it ends, where the terminal is gone.
        signals = OperatorSignals(reactor, lambda: None, lambda: None)
        self._parts = [
            self._outbound,
            self._on_demand,
            memory,
            *renewal,
            signals,
            self._shutdown,
        ]

    @property
    def ended_well(self) -> bool:
        """Whether everything has ended in order."""
        return self._shutdown.ended_well

    def start(self) -> None:
        """Begin; the rest is up to the primary."""
        allow_open_files(self._connections)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        for part in self._parts:
            part.startService()
        standard_io: Any = StandardIO
        standard_io(self._pipe, inheritance.FROM_PRIMARY, inheritance.TO_PRIMARY, self._reactor)

    def _make_application(self, request_log: RequestLog) -> Application:
        return make_application(
            self._settings,
            self._reactor,
            self._outbound,
            request_log,
            Membership(
                SharedSlots(
                    inheritance.SLOTS,
                    self._settings.max_concurrent_requests,
                    self._ledger,
                    self._reactor,
                ),
                self._connections,
                PrimaryLender(self._pipe),
            ),
        )

    def _make_listeners(self, tls: ServerTls | None) -> list[Listener]:
        places = inheritance.inherited_places(self._welcome.listeners, tls)
        fair = FairSockets(self._reactor, self._ledger)
        overview = self._overview if self._settings.serve_page else None
        all_workers = AllWorkers(self._exposition, lambda: self._complete, overview)
        return [
            *make_listeners(
                self._settings,
                self._application,
                places,
                fair,
                all_workers,
            )
        ]

    def _told(self, message: Message) -> None:
        match message:
            case StoreSummary(images=images, complete=complete):
                self._complete = complete
                self._copies.follow(images)
            case Drain():
                self._shutdown.begin(SIGTERM)

    async def _answer(self, inquiry: Inquiry) -> Reply:
        match inquiry:
            case AskCounts(number=number):
                return Reply(number, counts=families(self._application.metrics.counts.collect()))
        raise TypeError(type(inquiry))

    def _loaded(self) -> None:
        """Everything is loaded that is ready, or cannot be."""
        if self._connections.draining:
            return
        if not self._listening:
            self._listening = True
            for listener in self._listeners:
                listener.startService()
        self._pipe.tell(Loaded(self._copies.count))

    def _origin_changed(self, image: int, facts: Facts) -> None:
        self._pipe.tell(OriginChanged(image, facts))

    async def _exposition(self) -> bytes:
        reply = await self._pipe.ask(AskMetrics)
        assert reply.metrics is not None
        return reply.metrics

    async def _overview(self) -> Overview:
        reply = await self._pipe.ask(AskOverview)
        assert reply.overview is not None
        return reply.overview

    def _stop(self) -> Deferred[Any]:
        self._stopping = True
        self._loading.stop.set()
        return gatherResults([maybeDeferred(part.stopService) for part in self._parts])

    def _lost(self) -> None:
        if not self._stopping:
            # The primary is gone, and nobody can start another.
            os._exit(1)
