"""The first of several workers: what it has besides what it would have alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assisted_images.assembly import (
    Membership,
    make_application,
    make_listeners,
    make_watch,
)
from assisted_images.outbound import Outbound
from assisted_images.pages.watch import Watch
from assisted_images.routes.application import Application
from assisted_images.routes.tree import AllWorkers
from assisted_images.settings.settings import Settings
from assisted_images.workers.accepting import FairSockets
from assisted_images.workers.connections import NotedConnections, share_of_connections
from assisted_images.workers.inheritance import Shared, environment
from assisted_images.workers.secondaries import AllConnections, Secondaries
from httpd.listening.listeners import Listener
from httpd.listening.places import Place
from httpd.logs.service import ServiceLog


@dataclass(frozen=True, slots=True)
class Primary:
    """The parts."""

    application: Application
    listeners: Iterator[Listener]
    connections: AllConnections
    secondaries: Secondaries
    watch: Watch | None


def make_primary(
    settings: Settings,
    texts: Mapping[str, str],
    outbound: Outbound,
    reactor: Any,
    places: Iterable[Place],
    log: ServiceLog,
) -> Primary:
    """
    Put the parts together.

    @param texts: what C{settings} were read from.
    @param places: where all of them listen.
    @param log: gets the lines of the others, too.
    """
    shared = Shared.create(settings.workers, settings.max_concurrent_requests, reactor, places)
    connections = NotedConnections(share_of_connections(settings), shared.ledger)
    membership = Membership(shared.slots, connections)
    application = make_application(settings, reactor, outbound, log, membership)
    secondaries = Secondaries(
        application,
        shared,
        {name: os.fsencode(text) for name, text in texts.items()},
        environment(os.environ),
        reactor,
        log.pass_on,
    )
    watch = make_watch(settings, application, secondaries.collected, lambda: 1 + secondaries.count)
    secondaries.overview = None if watch is None else watch.overview
    all_workers = AllWorkers(
        secondaries.exposition, lambda: secondaries.complete, secondaries.overview
    )
    sockets = FairSockets(reactor, shared.ledger)
    return Primary(
        application,
        make_listeners(settings, application, shared.places, sockets, all_workers),
        AllConnections(connections, secondaries, shared.ledger),
        secondaries,
        watch,
    )
